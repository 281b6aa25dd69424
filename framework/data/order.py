"""The order in which examples are trained on: a function of (seed, epoch)."""

from __future__ import annotations

import numpy as np


def permutation(seed: int, epoch: int, size: int) -> np.ndarray:
    """Returns the order of an epoch: int32 [size], each of 0 to size - 1 once.

    It sorts raw Philox bits, which numpy promises never to change (its shuffles it
    does not), so that the order of a run is the same with every version.

    Args:
        seed: The run's.
        epoch: From 0.
        size: How many examples.
    """
    generator = np.random.Philox(key=seed, counter=[0, 0, 0, epoch])
    return np.argsort(generator.random_raw(size), kind="stable").astype(np.int32)
