"""Real images for the programs of public reports. Pixels are float32 from 0 to 255."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.zoo.cases.data import Data, fashion


def only(data: Data, classes: Sequence[int]) -> Data:
    """Returns the images of some classes, which are numbered anew from 0."""
    numbers = np.array(sorted(classes))
    arrays = {}
    for x, y in (("x", "y"), ("vx", "vy"), ("tx", "ty")):
        labels = getattr(data, y)
        rows = np.isin(labels, numbers)
        arrays[x] = getattr(data, x)[rows]
        arrays[y] = np.searchsorted(numbers, labels[rows]).astype(np.int32)
    return Data(**arrays, classes=len(numbers))


def smaller(data: Data, factor: int) -> Data:
    """Returns the data with images reduced to the means of squares of pixels."""

    def reduce(images: np.ndarray) -> np.ndarray:
        count, height, width, channels = images.shape
        shape = (count, height // factor, factor, width // factor, factor, channels)
        return images.reshape(shape).mean(axis=(2, 4))

    return data.inputs(reduce)


def clothes(seed: int, train: int = 1500, validation: int = 500) -> Data:
    """A part of Fashion-MNIST, 14x14."""
    return smaller(fashion(seed + 900, train, validation), 2)
