"""The types of a split: labelled images, in memory or read on demand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from framework.data import memory
from framework.data.images import Images, Progress


class LabelledImages(Protocol):
    """One split of a data set: in memory (`Split`) or read on demand (`LazySplit`)."""

    @property
    def labels(self) -> np.ndarray:
        """int32 [N], from 0 to K - 1; or [N, K] of 0 and 1, several labels each."""
        ...

    @property
    def groups(self) -> np.ndarray | None:
        """int32 [N], what must not be divided between splits; None if nothing."""
        ...

    @property
    def weights(self) -> np.ndarray | None:
        """float32 [N], the weight of each example; None if all count the same."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the images: (N, height, width, channels)."""
        ...

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the images: uint8 or float32."""
        ...

    @property
    def paths(self) -> tuple[str, ...]:
        """The file of each image; empty if they are not kept in files."""
        ...

    def __len__(self) -> int: ...

    def take(self, indices: np.ndarray) -> LabelledImages:
        """Returns the examples at the indices, in their order."""
        ...

    def in_memory(self, progress: Progress) -> Split:
        """Returns the same examples with their images in an array."""
        ...

    def sample(self, indices: np.ndarray, limit: int) -> tuple[Split, np.ndarray]:
        """Returns images to compute statistics of, without reading more than `limit`.

        Args:
            indices: int [N], the examples of interest.
            limit: The maximum number of images to read; those in memory are not
                limited.

        Returns:
            Examples in memory, and int [n], the indices of interest among them.
        """
        ...

    def image_reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns a function from a scalar int index to an image, for tf.data."""
        ...

    def pixel_bytes(self) -> npt.NDArray[np.uint8]:
        """Returns the bytes of all images in memory, uint8 [n]; none if not loaded."""
        ...

    def nonfinite_images(self) -> np.ndarray:
        """Returns the indices of the images in memory that have NaN or infinity."""
        ...

    def check(self) -> None:
        """Reads every image that is not in memory.

        Raises:
            RunError: An image cannot be read; the message names it.
        """
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Labelled images in memory; implements `LabelledImages`.

    >>> split = Split(np.zeros((3, 8, 8, 1), np.uint8), np.array([0, 1, 1], np.int32))
    >>> split.take(np.array([2, 0])).labels
    array([1, 0], dtype=int32)

    Attributes:
        images: uint8 from 0 to 255, or float32, [N, height, width, channels].
        labels: int32 [N], from 0 to K - 1; or, if an image may have several labels or
            none, [N, K] of 0 and 1.
        weights: float32 [N], 0 or more: the factor of each example's loss in training,
            and its weight in the weighted metrics of an evaluation; None if all count
            the same.
        groups: int32 [N]; examples of one number, such as the images of a patient, are
            never divided between splits. None if all examples are independent.
    """

    images: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """See `LabelledImages`."""
        return self.images.shape

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """See `LabelledImages`."""
        return self.images.dtype

    @property
    def paths(self) -> tuple[str, ...]:
        """See `LabelledImages`."""
        return ()

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> Split:
        """See `LabelledImages`."""
        weights, groups = _taken(self.weights, indices), _taken(self.groups, indices)
        images = memory.take(self.images, indices)
        return Split(images, self.labels[indices], weights, groups)

    def in_memory(self, progress: Progress) -> Split:
        """See `LabelledImages`."""
        return self

    def sample(self, indices: np.ndarray, limit: int) -> tuple[Split, np.ndarray]:
        """See `LabelledImages`."""
        return self, indices

    def image_reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """See `LabelledImages`."""
        # Made once: in the graph of each epoch it would be a constant of its own.
        with tf.device("CPU"):
            images = memory.as_tensor(self.images)
        return lambda index: tf.gather(images, index)

    def pixel_bytes(self) -> npt.NDArray[np.uint8]:
        """See `LabelledImages`."""
        # A copy only where the array is a view with gaps.
        return np.ascontiguousarray(self.images).reshape(-1).view(np.uint8)

    def nonfinite_images(self) -> np.ndarray:
        """See `LabelledImages`."""
        if self.images.dtype != np.float32:
            return np.zeros(0, np.int64)
        is_finite = np.empty(len(self.images), bool)
        for rows in memory.slices(self.images):
            is_finite[rows] = np.isfinite(self.images[rows]).all(axis=(1, 2, 3))
        return np.flatnonzero(~is_finite)

    def check(self) -> None:
        """See `LabelledImages`."""


@dataclasses.dataclass(frozen=True, eq=False)
class LazySplit:
    """Labelled images that are read on demand; implements `LabelledImages`.

    Attributes:
        images: Reads the images.
        labels: int32 [N], from 0 to K - 1; or, if an image may have several labels or
            none, [N, K] of 0 and 1.
        weights: As in `Split`.
        groups: As in `Split`.
    """

    images: Images
    labels: np.ndarray
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """See `LabelledImages`."""
        return self.images.shape

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """See `LabelledImages`."""
        return self.images.dtype

    @property
    def paths(self) -> tuple[str, ...]:
        """See `LabelledImages`."""
        return self.images.paths

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> LazySplit:
        """See `LabelledImages`."""
        weights, groups = _taken(self.weights, indices), _taken(self.groups, indices)
        images = self.images.take(indices)
        return LazySplit(images, self.labels[indices], weights, groups)

    def in_memory(self, progress: Progress) -> Split:
        """See `LabelledImages`."""
        images = self.images.load(progress)
        return Split(images, self.labels, self.weights, self.groups)

    def sample(self, indices: np.ndarray, limit: int) -> tuple[Split, np.ndarray]:
        """See `LabelledImages`."""
        chosen = evenly_spaced(indices, limit)
        loaded = self.take(chosen).in_memory(lambda done, total: None)
        return loaded, np.arange(len(loaded))

    def image_reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """See `LabelledImages`."""
        return self.images.element

    def pixel_bytes(self) -> npt.NDArray[np.uint8]:
        """See `LabelledImages`."""
        return np.zeros(0, np.uint8)

    def nonfinite_images(self) -> np.ndarray:
        """See `LabelledImages`."""
        return np.zeros(0, np.int64)

    def check(self) -> None:
        """See `LabelledImages`."""
        self.images.check()


def evenly_spaced(indices: np.ndarray, limit: int) -> np.ndarray:
    """Returns at most `limit` of the indices, evenly spaced.

    >>> evenly_spaced(np.arange(100), 3)
    array([ 0, 49, 99])

    Args:
        indices: int [N].
        limit: The maximum number of indices.
    """
    if len(indices) <= limit:
        return indices
    return indices[np.linspace(0, len(indices) - 1, limit).astype(np.int64)]


def _taken(values: np.ndarray | None, indices: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[indices]
