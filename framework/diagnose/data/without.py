"""What some training images do: trains without them, and without as many others."""

from __future__ import annotations

import numpy as np

from framework.data.dataset import Split
from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.repair import Repairs, is_gain
from framework.diagnose.subject import Branch
from framework.numerics.intervals import Estimate, paired_difference


def train_without(repairs: Repairs, name: str, flagged: np.ndarray) -> Estimate | None:
    """Returns what it gains to leave images out, beside as many others of their class.

    What is a gain is accepted: later attempts do without them as well.

    Args:
        repairs: Tries it, twice.
        name: What the attempts are called.
        flagged: Which training images, bool [N].

    Returns:
        None if there is not enough of the budget, or nothing that can be changed so.
    """
    train = repairs.subject.train
    pruned = _without(train, np.flatnonzero(flagged))
    others = _without(train, _as_many(train.labels, flagged))
    if not repairs.can_afford(2) or not len(pruned):
        return None
    try:
        branch = repairs.attempt(name, Change(train=pruned))
        control = repairs.attempt(f"{name} control", Change(train=others))
    except CannotChangeError:
        return None
    gain = _gain(repairs, branch, control)
    if is_gain(gain):
        repairs.accept(branch, Change(train=pruned))
    return gain


def _gain(repairs: Repairs, branch: Branch, control: Branch) -> Estimate:
    return paired_difference(repairs.rights(branch), repairs.rights(control))


def _as_many(labels: np.ndarray, flagged: np.ndarray) -> np.ndarray:
    """Returns as many examples of each class as are flagged, at random."""
    generator = np.random.Generator(np.random.PCG64(0))
    parts = [
        generator.permutation(np.flatnonzero(labels == each))[: int(count)]
        for each, count in enumerate(np.bincount(labels[flagged]))
    ]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _without(split: Split, places: np.ndarray) -> Split:
    return split.take(np.delete(np.arange(len(split)), places))
