"""The order of the training examples: a function of (seed, epoch)."""

from __future__ import annotations

import math

import numpy as np

from framework.data import sampling as sampling_lib
from framework.data.sampling import Sampling

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
    seed: int,
    epoch: int,
    labels: np.ndarray,
    sampling: Sampling = sampling_lib.uniform,
) -> np.ndarray:
    """Returns the examples of an epoch in a random order, as many as there are.

    With `sampling.uniform`, each example comes once. Otherwise the number of each class
    is rounded from its expectation by largest remainders, ties at random. Within a
    class every example comes equally often, up to one; which ones come once more is
    drawn anew in each epoch.

    >>> labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    >>> np.bincount(labels[sample(0, 0, labels, sampling_lib.balanced)])
    array([4, 4])

    Args:
        seed: Seed of the run.
        epoch: 0-based epoch.
        labels: int [N], the classes of the examples.
        sampling: How often each class is drawn, from the number of its examples.

    Returns:
        int32 [N], positions from 0 to N - 1.
    """
    order = permutation(seed, epoch, len(labels))
    if sampling is sampling_lib.uniform:
        return order
    classes, counts = np.unique(labels, return_counts=True)
    ties = _bits(seed, epoch, len(classes), _TIES)
    quotas = _quotas(counts, sampling(counts), ties)
    shuffled = np.lexsort((_bits(seed, epoch, len(labels), _MEMBERS), labels))
    by_class = np.split(shuffled, np.cumsum(counts)[:-1])
    drawn = [
        # Repeats all members as often as they fit, and then the first ones.
        np.resize(members, quota)
        for members, quota in zip(by_class, quotas, strict=True)
    ]
    return np.concatenate(drawn).astype(np.int32)[order]


def _quotas(counts: np.ndarray, weights: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """Returns how many examples of each class to draw, int64 [K].

    Args:
        counts: int [K], the number of examples of each class.
        weights: float64 [K], proportional to how often each class is drawn.
        ties: uint64 [K]; of equal remainders, the smaller ones are rounded up.
    """
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
