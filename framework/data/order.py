"""The order of the training examples: a function of (seed, epoch)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

UNIFORM = "uniform"
# How often a class is drawn: by this power of its number of examples.
POWERS: Mapping[str, float] = {UNIFORM: 1.0, "balanced": 0.0, "sqrt": 0.5}
# The streams of random bits of an epoch.
_ORDER, _TIES, _MEMBERS = range(3)


def permutation(seed: int, epoch: int, size: int) -> np.ndarray:
    """Returns a random permutation of 0 to size - 1 for an epoch, int32 [size].

    It sorts raw Philox bits, which NumPy promises never to change. NumPy makes no such
    promise of `shuffle`. The order of a run is thus the same with every version.

    >>> permutation(seed=0, epoch=0, size=5)
    array([0, 2, 1, 4, 3], dtype=int32)

    Args:
        seed: Seed of the run.
        epoch: 0-based epoch.
        size: The number of examples.
    """
    bits = _bits(seed, epoch, size, _ORDER)
    return np.argsort(bits, kind="stable").astype(np.int32)


def sample(
    seed: int, epoch: int, labels: np.ndarray, sampling: str = UNIFORM
) -> np.ndarray:
    """Returns the examples of an epoch in a random order, as many as there are.

    With "uniform", each example comes once. Otherwise the number of each class is
    rounded from its expectation by largest remainders, ties at random. Within a class
    every example comes equally often, up to one; which ones come once more is drawn
    anew in each epoch.

    >>> labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    >>> np.bincount(labels[sample(0, 0, labels, "balanced")])
    array([4, 4])

    Args:
        seed: Seed of the run.
        epoch: 0-based epoch.
        labels: int [N], the classes of the examples.
        sampling: How often each class is drawn, one of `POWERS`: as often as it is
            there (uniform), equally often (balanced), or by the square root of its
            number of examples (sqrt).

    Returns:
        int32 [N], positions from 0 to N - 1.
    """
    order = permutation(seed, epoch, len(labels))
    if sampling == UNIFORM:
        return order
    classes, counts = np.unique(labels, return_counts=True)
    ties = _bits(seed, epoch, len(classes), _TIES)
    quotas = _quotas(counts, POWERS[sampling], ties)
    shuffled = np.lexsort((_bits(seed, epoch, len(labels), _MEMBERS), labels))
    by_class = np.split(shuffled, np.cumsum(counts)[:-1])
    drawn = [
        # Repeats all members as often as they fit, and then the first ones.
        np.resize(members, quota)
        for members, quota in zip(by_class, quotas, strict=True)
    ]
    return np.concatenate(drawn).astype(np.int32)[order]


def _quotas(counts: np.ndarray, power: float, ties: np.ndarray) -> np.ndarray:
    """Returns how many examples of each class to draw, int64 [K].

    Args:
        counts: int [K], the number of examples of each class.
        power: Of this number.
        ties: uint64 [K]; of equal remainders, the smaller ones are rounded up.
    """
    weights = counts.astype(np.float64) ** power
    # The sum of NumPy may differ in its last bit between processors.
    exact = counts.sum() * weights / math.fsum(weights)
    quotas = np.floor(exact).astype(np.int64)
    missing = int(counts.sum() - quotas.sum())
    quotas[np.lexsort((ties, quotas - exact))[:missing]] += 1
    return quotas


def _bits(seed: int, epoch: int, size: int, stream: int) -> np.ndarray:
    """Returns random bits of an epoch, uint64 [size]."""
    generator = np.random.Philox(key=seed, counter=[0, 0, stream, epoch])
    return generator.random_raw(size)
