"""Data sets whose images are read by position, from a source of the user's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from framework.data import memory
from framework.data.arrays import checked_labels, class_names_of
from framework.data.dataset import Dataset
from framework.data.images import Progress
from framework.data.split import LazySplit
from framework.errors import RunError


class Source(Protocol):
    """Images in any order: a list, a source of Grain, a data set of PyTorch.

    It is called from several threads at once, and always gives the same image at a
    position.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> npt.ArrayLike:
        """Returns the image at a position, [height, width, channels]."""
        ...


def from_sources(
    x_train: Source,
    y_train: npt.ArrayLike,
    x_validation: Source,
    y_validation: npt.ArrayLike,
    class_names: Sequence[str] | None = None,
) -> Dataset:
    """Returns a data set whose images are read when they are needed.

    >>> images, labels = [np.zeros((8, 8, 3), np.uint8)] * 4, [0, 1, 0, 1]
    >>> dataset = from_sources(images, labels, images, labels)
    >>> dataset.image_shape, len(dataset.train)
    ((8, 8, 3), 4)

    Args:
        x_train: The training images. All have the shape and type of the first one:
            uint8 from 0 to 255 is kept; other numbers become float32, not rescaled.
        y_train: Their class numbers from 0, [N]; or 0 or 1 for each class, [N, K].
        x_validation: The validation images.
        y_validation: Like `y_train`.
        class_names: The names of the classes; by default their numbers.

    Raises:
        RunError: There are no images, or the labels are of another number.
    """
    train = _split(x_train, y_train, "train")
    validation = _split(x_validation, y_validation, "validation")
    names = None if class_names is None else np.array([str(x) for x in class_names])
    classes = class_names_of(names, train.labels, "the data")
    return Dataset("sources", train, validation, classes)


def _split(source: Source, given: npt.ArrayLike, part: str) -> LazySplit:
    labels = checked_labels(np.asarray(given), f"y_{part}", part == "train")
    if not len(source) or len(source) != len(labels):
        raise RunError(
            f"x_{part} has {len(source):,} images, and y_{part} {len(labels):,} labels"
        )
    first = _image(source[0])
    if first.ndim != 3:
        raise RunError(
            f"images of x_{part} must be [height, width, channels], not {first.shape}"
        )
    rows = np.arange(len(source))
    return LazySplit(IndexedImages(source, rows, first.shape, first.dtype), labels)


def _image(value: npt.ArrayLike) -> np.ndarray:
    image = np.asarray(value)
    return image if image.dtype == np.uint8 else image.astype(np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class IndexedImages:
    """Images of a source; implements `framework.data.Images`.

    Attributes:
        source: Reads an image at a position.
        rows: int64 [N], the position of each image in the source.
        image_shape: Height, width and channels.
        dtype: uint8 or float32.
    """

    source: Source
    rows: np.ndarray
    image_shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, height, width, channels)."""
        height, width, channels = self.image_shape
        return (len(self.rows), height, width, channels)

    @property
    def paths(self) -> tuple[str, ...]:
        """Empty: images of a source are in no files that are known."""
        return ()

    def element(self, index: tf.Tensor) -> tf.Tensor:
        """Returns the image at a scalar int index, [height, width, channels]."""
        image = tf.numpy_function(self._read, [index], tf.as_dtype(self.dtype))
        return tf.ensure_shape(image, self.image_shape)

    def load(self, progress: Progress) -> np.ndarray:
        """Returns all images as an array of `shape`."""
        images = memory.empty(self.shape, self.dtype)
        for index in range(len(images)):
            images[index] = self._read(index)
            progress(index + 1, len(images))
        return images

    def take(self, indices: np.ndarray) -> IndexedImages:
        """Returns the images at the indices, in their order."""
        return dataclasses.replace(self, rows=self.rows[indices])

    def check(self) -> None:
        """Reads every image.

        Raises:
            RunError: An image has another shape or type than the first one.
        """
        for index in range(len(self.rows)):
            self._read(index)

    def _read(self, index: int) -> np.ndarray:
        row = int(self.rows[index])
        image = _image(self.source[row])
        if image.shape != self.image_shape or image.dtype != self.dtype:
            raise RunError(
                f"image {row} of the source is {image.dtype} {image.shape}, and the "
                f"first one {self.dtype} {self.image_shape}"
            )
        return image
