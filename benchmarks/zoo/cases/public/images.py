"""Real images for the programs of public reports. Pixels are float32 from 0 to 255."""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from benchmarks.zoo.cases.data import Data, fashion, rng
from framework.data.folder import folder

_ROOT = pathlib.Path(__file__).parents[4]
# 4,317 photographs of five kinds of flowers, in train/ and validation/. They are no
# part of this repository; cases that need them are left out where they are missing.
FLOWERS = pathlib.Path(
    os.environ.get("ZOO_FLOWERS", _ROOT.parent / "shared" / "data" / "flowers")
)
# What `Case.data` calls them.
PHOTOGRAPHS = "photographs"


def are_missing(data: str) -> bool:
    """Returns whether images that `Case.data` names are photographs not at hand."""
    return data == PHOTOGRAPHS and not FLOWERS.is_dir()


@functools.cache
def _photographs(size: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Returns the images and labels of both folders, in the order of their files."""
    whole = folder(str(FLOWERS), size=size)
    splits = (
        split.in_memory(lambda done, total: None)
        for split in (whole.train, whole.validation)
    )
    return tuple((split.images.astype(np.float32), split.labels) for split in splits)


def photographs(
    seed: int, train: int = 1200, validation: int = 400, size: int = 24
) -> Data:
    """Photographs of flowers; those of the folder validation/ are the test images."""
    (x, y), (tx, ty) = _photographs(size)
    order = rng(seed + 600).permutation(len(y))[: train + validation]
    first, second = order[:train], order[train:]
    return Data(x[first], y[first], x[second], y[second], tx, ty, classes=5)


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


def few(data: Data, count: int) -> Data:
    """Returns the data with `count` training images of each class."""
    rows = np.concatenate(
        [np.flatnonzero(data.y == label)[:count] for label in range(data.classes)]
    )
    return data.but(x=data.x[rows], y=data.y[rows])


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
