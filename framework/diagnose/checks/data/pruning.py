"""Trains without some images, and, as a control, without random others."""

from __future__ import annotations

import numpy as np

from framework.data.split import Split
from framework.diagnose.core.decision import is_gain
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.trials import Trials
from framework.numerics.intervals import Estimate, paired_difference


def train_without(trials: Trials, name: str, flags: np.ndarray) -> Estimate | None:
    """Returns the gain without some images over that without as many random ones.

    The others are of the same classes. If there is a gain, later trials leave the
    images out as well.

    Args:
        trials: Runs both.
        name: Of the trials.
        flags: Which training images to leave out, bool [N].

    Returns:
        None if the budget is too small, or the program cannot be changed so.
    """
    train = trials.context.train
    pruned = _without(train, np.flatnonzero(flags))
    others = _without(train, _matched(train.labels, flags))
    if not trials.can_afford(2) or not len(pruned):
        return None
    try:
        result = trials.train(name, Intervention(train=pruned))
        control = trials.train(f"{name} control", Intervention(train=others))
    except NotApplicableError:
        return None
    gain = paired_difference(trials.correct_of(result), trials.correct_of(control))
    if is_gain(gain):
        trials.accept(result, Intervention(train=pruned))
    return gain


def _matched(labels: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """Returns random indices, as many of each class as are flagged."""
    generator = np.random.Generator(np.random.PCG64(0))
    chosen = [
        generator.permutation(np.flatnonzero(labels == each))[: int(count)]
        for each, count in enumerate(np.bincount(labels[flags]))
    ]
    return np.concatenate([np.zeros(0, np.int64), *chosen])


def _without(split: Split, indices: np.ndarray) -> Split:
    return split.take(np.delete(np.arange(len(split)), indices))
