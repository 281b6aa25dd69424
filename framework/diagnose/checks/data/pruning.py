"""Trains without some images, and, as a control, without random others."""

from __future__ import annotations

import numpy as np

from framework.data.split import Split
from framework.diagnose.core.decision import MINIMUM_GAIN, is_gain
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.diagnose.core.trials import Trials
from framework.numerics.intervals import Estimate, paired_difference


def train_without(trials: Trials, name: str, flags: np.ndarray) -> Estimate | None:
    """Returns the gain without some images over that without as many random ones.

    The others are of the same classes. If there is a gain, later trials leave the
    images out as well. The two trainings see different images, so their difference has
    the noise of both: where it is small, it is measured with a second seed, and the
    interval includes the distance of both seeds.

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
        result, control = _pair(trials, name, pruned, others)
        right = [(trials.correct_of(result), trials.correct_of(control))]
        if _may_be_luck(paired_difference(*right[0])):
            if not trials.can_afford(2):
                return None
            again = _pair(trials, f"{name} again", pruned, others, seed=1)
            right.append((trials.correct_of(again[0]), trials.correct_of(again[1])))
    except NotApplicableError:
        return None
    gains = [float(np.mean(each) - np.mean(other)) for each, other in right]
    # The standard error of the mean of two; 0 for one.
    apart = (max(gains) - min(gains)) / 2
    without, with_others = np.mean(right, axis=0)
    gain = paired_difference(without, with_others, apart)
    if is_gain(gain):
        trials.accept(result, Intervention(train=pruned))
    return gain


def _pair(
    trials: Trials, name: str, pruned: Split, others: Split, seed: int = 0
) -> tuple[TrialResult, TrialResult]:
    """Trains without some images, and without random others."""
    return (
        trials.train(name, Intervention(train=pruned, seed=seed)),
        trials.train(f"{name} control", Intervention(train=others, seed=seed)),
    )


def _may_be_luck(gain: Estimate) -> bool:
    """Returns whether a difference is so small that another seed may have none."""
    return 0 < max(gain.low, -gain.high) < MINIMUM_GAIN


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
