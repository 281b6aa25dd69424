"""What every data set is: two splits of labelled images, checked once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from framework.errors import RunError
from framework.system.printable import printable

if TYPE_CHECKING:
    import tensorflow as tf

# Told how many of how many images are ready.
Progress = Callable[[int, int], None]


class Images(Protocol):
    """Images of one size that are read when asked for, such as those of a folder.

    Attributes:
        shape: (N, height, width, channels).
        dtype: uint8 or float32.
    """

    shape: tuple[int, int, int, int]
    dtype: np.dtype

    def element(self, index: tf.Tensor) -> tf.Tensor:
        """Returns the image at a scalar int index, as an op of tf.data's graph."""

    def load(self, progress: Progress) -> np.ndarray:
        """Returns all of them, as an array of `shape`."""

    def take(self, indices: np.ndarray) -> Images:
        """Returns those at the indices, in their order."""

    def check(self) -> None:
        """Reads all of them.

        Raises:
            RunError: One cannot be read; it is named.
        """


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Labelled images.

    Attributes:
        images: uint8 from 0 to 255, or float32, [N, height, width, channels]: an array
            or `Images`.
        labels: int32 [N], from 0 to K - 1.
    """

    images: np.ndarray | Images
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> Split:
        """Returns the examples at the indices, in their order."""
        images = self.images
        if isinstance(images, np.ndarray):
            return Split(images[indices], self.labels[indices])
        return Split(images.take(indices), self.labels[indices])

    def in_memory(self, progress: Progress) -> Split:
        """Returns the same split with its images in an array."""
        if isinstance(self.images, np.ndarray):
            return self
        return Split(self.images.load(progress), self.labels)

    def check(self) -> None:
        """Reads all images that are not in memory.

        Raises:
            RunError: One cannot be read; it is named.
        """
        if not isinstance(self.images, np.ndarray):
            self.images.check()


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Images to train on and images to validate on.

    Attributes:
        name: What it is called in messages.
        train: The training split.
        validation: The validation split.
        class_names: What the labels 0 to K - 1 stand for.
        notes: What its user should know, such as which files were left out.
        is_split_drawn: Whether the program has drawn which files are validated on.

    Raises:
        RunError: The splits do not fit together, or hold what no training could use.
    """

    name: str
    train: Split
    validation: Split
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    is_split_drawn: bool = False

    def __post_init__(self):
        # Names of folders and files may hold what steers a terminal, or is no text.
        object.__setattr__(self, "name", printable(str(self.name)))
        object.__setattr__(self, "class_names", _distinct(self.class_names))
        object.__setattr__(self, "notes", tuple(map(printable, self.notes)))
        for part in ("train", "validation"):
            _check(getattr(self, part), part, self)
        shapes = self.train.images.shape[1:], self.validation.images.shape[1:]
        types = self.train.images.dtype, self.validation.images.dtype
        if types[0] != types[1]:
            raise RunError(
                f"{self.name}: training images are {types[0]} but validation images "
                f"{types[1]}; bring both to one type, and to one scale"
            )
        if len(set(self.class_names)) != len(self.class_names) or self.num_classes < 2:
            raise RunError(
                f"{self.name}: there must be two or more classes of different names, "
                f"not {', '.join(self.class_names)}"
            )
        if shapes[0] != shapes[1]:
            raise RunError(
                f"{self.name}: training images are {shapes[0]} but validation images "
                f"{shapes[1]}; make them one size"
            )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return tuple(self.train.images.shape[1:])

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)


def stratified_split(
    labels: np.ndarray, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Divides examples in two so that each class is divided in the same proportion.

    Args:
        labels: int [N].
        share: Which part of each class goes to the second group; at least one example
            of a class stays in the first.
        seed: Which of the many such divisions to take.

    Returns:
        The indices of both groups, int64, each in rising order.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    second = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(int(np.floor(share * len(members) + 0.5)), len(members) - 1)
        second[generator.permutation(members)[:count]] = True
    return np.flatnonzero(~second), np.flatnonzero(second)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Returns names as printable text, of which as many differ as before."""
    names = tuple(map(str, names))
    shown = tuple(map(printable, names))
    if len(set(shown)) < len(set(names)):
        # One was the escaped form of another.
        shown = tuple(printable(name.replace("\\", "\\\\")) for name in names)
    return shown


def _check(split: Split, part: str, dataset: Dataset) -> None:
    name, images, labels = f"{dataset.name}, {part}", split.images, split.labels
    if len(images.shape) != 4 or images.dtype not in (np.uint8, np.float32):
        raise RunError(
            f"{name}: images must be uint8 or float32 [N, height, width, channels], "
            f"not {images.dtype} {tuple(images.shape)}; for other types there is "
            f"images.astype(np.float32)"
        )
    if len(labels) == 0:
        raise RunError(f"{name}: there are no images")
    if 0 in images.shape[1:]:
        raise RunError(
            f"{name}: images of {tuple(images.shape[1:])} (height, width, channels) "
            f"have no pixels"
        )
    if labels.shape != (images.shape[0],):
        raise RunError(
            f"{name}: {images.shape[0]} images have labels of shape {labels.shape}"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise RunError(f"{name}: labels must be integers, not {labels.dtype}")
    wrong = np.flatnonzero((labels < 0) | (labels >= dataset.num_classes))
    if len(wrong):
        raise RunError(
            f"{name}: label {labels[wrong[0]]} of image {wrong[0]} is not one of 0 to "
            f"{dataset.num_classes - 1} ({len(wrong)} such labels)"
        )
    if isinstance(images, np.ndarray) and images.dtype == np.float32:
        bad = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))
        if len(bad):
            raise RunError(
                f"{name}: image {bad[0]} has NaN or infinite values "
                f"({len(bad)} such images)"
            )
