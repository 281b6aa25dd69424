"""The order of the training examples: a function of (seed, epoch)."""

from __future__ import annotations

import numpy as np


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
    generator = np.random.Philox(key=seed, counter=[0, 0, 0, epoch])
    return np.argsort(generator.random_raw(size), kind="stable").astype(np.int32)
