"""The placebo: a remedy from the menu that the diagnosis has not named."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np

from framework.config import Config
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.settings import TrainingSettings
from framework.errors import UsageError
from framework.launch import checks
from framework.launch import given as given_lib
from framework.prove.refusals import Refuse

# By cause: the usual change that a check prescribes, as far as flags express it. Longer
# training is left out, since controls have the budget of the remedy.
MENU: Mapping[str, Intervention] = {
    "unnormalized_inputs": Intervention(standardize=True),
    "exploding_gradients": Intervention(clip_norm=1.0),
    "over_regularized": Intervention(augment=""),
    "batch_size_too_large": Intervention(batch_size_factor=1 / 8),
    "batch_size_too_small": Intervention(batch_size_factor=16.0),
    "learning_rate_too_high": Intervention(learning_rate_factor=0.1),
    "learning_rate_too_low": Intervention(learning_rate_factor=10.0),
    "overfitting": Intervention(weight_decay=0.01),
    "homogeneous_training_data": Intervention(
        augment="rotate(10) + shift(.1) + zoom(.1)"
    ),
}


def draw(
    config: Config,
    images: int,
    named: Collection[str],
    fields: Collection[str],
    refuse: Refuse = lambda config: "",
) -> tuple[str, Intervention]:
    """Draws a remedy by the seed of the run.

    Args:
        config: Of the run.
        images: The number of training images.
        named: The causes that the diagnosis has named, with any status.
        fields: The fields of the config that the remedies change. The placebo changes
            others: a little less of the same change would be no placebo.
        refuse: Returns why a config cannot be trained.

    Returns:
        The name of its cause, and the change.

    Raises:
        UsageError: All that the menu has is named, or changes nothing of this run.
    """
    possible = {
        name: change
        for name, change in MENU.items()
        if name not in named and _fits(config, change, images, fields)
    }
    return _drawn(possible, config.seed, lambda change: refuse(change.apply(config)))


def draw_for_keras(
    settings: TrainingSettings,
    has_images: bool,
    named: Collection[str],
    fields: Collection[str],
    seed: int,
) -> tuple[str, Intervention]:
    """Draws a remedy for a Keras program.

    Args:
        settings: How the program is trained.
        has_images: Whether its examples are images, which can be augmented.
        named: The causes that the diagnosis has named, with any status.
        fields: The fields of an intervention that the remedies change.
        seed: Of the draw.

    Returns:
        The name of its cause, and the change.

    Raises:
        UsageError: All that the menu has is named, or changes nothing of this program.
    """
    possible = {
        name: change
        for name, change in MENU.items()
        if name not in named
        and not set(change.differences()) & set(fields)
        and _fits_keras(settings, has_images, change)
    }
    return _drawn(possible, seed, lambda change: "")


def _drawn(
    possible: Mapping[str, Intervention],
    seed: int,
    refuse: Callable[[Intervention], str],
) -> tuple[str, Intervention]:
    """Draws until nothing refuses a change."""
    generator = np.random.Generator(np.random.PCG64(seed))
    rest = list(possible)
    while rest:
        name = rest.pop(int(generator.integers(len(rest))))
        if not refuse(possible[name]):
            return name, possible[name]
    raise UsageError(
        "there is no placebo: the diagnosis has named every remedy of the menu that "
        "would change this run, or it cannot be trained"
    )


def _fits_keras(
    settings: TrainingSettings, has_images: bool, change: Intervention
) -> bool:
    """Returns whether a change can be trained with, and changes the program."""
    if change.augment is not None and not (change.augment and has_images):
        return False
    size = max(round(settings.batch_size * change.batch_size_factor), 1)
    if change.batch_size_factor != 1 and size == settings.batch_size:
        return False
    has_decay = change.weight_decay == settings.weight_decay
    return size <= settings.train_images and not has_decay


def _fits(
    config: Config, change: Intervention, images: int, fields: Collection[str]
) -> bool:
    """Returns whether a change can be trained with, and is none of the remedies'."""
    changed = change.apply(config)
    difference = set(config.difference(changed))
    if not difference or difference & set(fields) or changed.batch_size > images:
        return False
    try:
        checks.check(changed, given_lib.fields(config))
    except UsageError:
        return False
    return True
