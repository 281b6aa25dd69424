"""Ends a trial half-way whose remedy is certain to gain too little.

Near the middle of a trial its predictions are compared, image by image, with those of
the run after as many epochs. The trial is ended if the 95 % interval of that gain lies
below the least gain that could confirm its cause at the end, and the same is true of
its gain over the end of the run. So a remedy that is ahead by as much as is asked for
is given up in 2.5 % of the trials at most. The bound is one of futility only and is
looked at once: it never confirms, so the error of a confirmation is what it is without
it (group-sequential tests with a non-binding futility bound; Lan & DeMets, 1983;
Jennison & Turnbull, 2000).

No trial is ended early because it is ahead: later causes are tried on top of it, and a
base of half the length would make whatever is trained for longer look like a gain.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from framework.diagnose.core.budget import IsFutile
from framework.diagnose.core.decision import MINIMUM_GAIN
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.standing import Standing

# Of a trial's length: before, little is learnt; later, little is saved.
_EARLIEST, _LATEST = 0.4, 0.7
# Changes that are seen from the first epoch on, if they help at all. Others, such as a
# lower rate or dropout, can begin slower than the run and end above it.
_SEEN_EARLY = {
    "standardize",
    "rescale",
    "consistent_loss",
    "reinitialize",
    "activation",
    "shuffle",
    "keras_step",
    "seed",
}


@dataclasses.dataclass
class HalfWay:
    """Decides once, near the middle of a trial, whether it is ended.

    Attributes:
        standing: What the trial must improve on.
        epochs: The length of the trial.
        is_over: Whether it has decided.
    """

    standing: Standing
    epochs: float
    is_over: bool = False

    def __call__(self, epochs: float, predict: Callable[[], np.ndarray]) -> bool:
        """Returns whether to end the trial.

        Args:
            epochs: How long it has trained.
            predict: Returns the predicted classes of the validation images: int [N].
        """
        is_middle = _EARLIEST <= epochs / self.epochs <= _LATEST
        if self.is_over or not is_middle:
            return False
        self.is_over = True
        standing, predicted = self.standing, predict()
        correct = standing.correct_of(predicted)
        equal = standing.gain_at_length(epochs, correct)
        # What has not begun to learn may still begin.
        majority = np.bincount(standing.labels).max() / len(standing.labels)
        if equal is None or correct.mean() < majority + MINIMUM_GAIN:
            return False
        least = max(MINIMUM_GAIN, standing.minimum_gain / 2, standing.expected)
        return equal.high < least and standing.gain(correct).high < least


def half_way(
    standing: Standing, intervention: Intervention, epochs: float
) -> IsFutile | None:
    """Returns the rule that may end a trial early; None if there is none.

    Args:
        standing: What the trial must improve on.
        intervention: The change.
        epochs: The length of the trial.
    """
    is_seen = is_seen_early(intervention) and standing.accepted is None
    return HalfWay(standing, epochs) if is_seen else None


def is_seen_early(intervention: Intervention) -> bool:
    """Returns whether a remedy that helps is ahead from the first epochs on.

    Example:
        >>> is_seen_early(Intervention(learning_rate_factor=10.0))
        True
        >>> is_seen_early(Intervention(learning_rate_factor=0.1))
        False
    """
    differences = intervention.differences()
    seen = {
        "learning_rate_factor": intervention.learning_rate_factor > 1,
        "batch_size_factor": intervention.batch_size_factor < 1,
        "dropout": intervention.dropout == 0,
        "weight_decay": intervention.weight_decay == 0,
        "augment": intervention.augment == "",
    }
    return all(name in _SEEN_EARLY or seen.get(name, False) for name in differences)
