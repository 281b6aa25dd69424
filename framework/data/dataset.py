"""The type of every data set: its splits of labelled images, validated once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from framework.data.stratify import grouped_split
from framework.errors import RunError
from framework.system.printable import printable

# Called with the number of images that are ready, and the number of all.
Progress = Callable[[int, int], None]


class Images(Protocol):
    """Images of one size that are read on demand, such as those of a folder."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, height, width, channels)."""
        ...

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """uint8 or float32."""
        ...

    @property
    def paths(self) -> tuple[str, ...]:
        """The file of each image; empty if they are not kept in files."""
        ...

    def element(self, index: tf.Tensor) -> tf.Tensor:
        """Returns the image at a scalar int index, in ops of tf.data's graph."""
        ...

    def load(self, progress: Progress) -> np.ndarray:
        """Returns all images as an array of `shape`."""
        ...

    def take(self, indices: np.ndarray) -> Images:
        """Returns the images at the indices, in their order."""
        ...

    def check(self) -> None:
        """Reads every image.

        Raises:
            RunError: An image cannot be read; the message names it.
        """
        ...


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
        return Split(self.images[indices], self.labels[indices], weights, groups)

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
            images = tf.constant(self.images)
        return lambda index: tf.gather(images, index)

    def pixel_bytes(self) -> npt.NDArray[np.uint8]:
        """See `LabelledImages`."""
        # A copy only where the array is a view with gaps.
        return np.ascontiguousarray(self.images).reshape(-1).view(np.uint8)

    def nonfinite_images(self) -> np.ndarray:
        """See `LabelledImages`."""
        if self.images.dtype != np.float32:
            return np.zeros(0, np.int64)
        return np.flatnonzero(~np.isfinite(self.images).all(axis=(1, 2, 3)))

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


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A training, a validation and perhaps a test split of the same classes.

    >>> split = Split(np.zeros((4, 8, 8, 1), np.uint8), np.array([0, 1, 0, 1]))
    >>> Dataset("blanks", split, split, ("cat", "dog")).image_shape
    (8, 8, 1)

    Attributes:
        name: Its name in messages.
        train: The training split.
        validation: The validation split.
        class_names: The class of each label, 0 to K - 1.
        notes: Notices for the user, such as which files were left out.
        is_split_drawn: Whether the program drew at random which files to validate on.
        test: The untouched test part; None if there is none. Its labels and sizes are
            checked here, its pixels only by `check_test`, when it is opened.
        is_test_drawn: Whether the program drew it at random from the training images.
        fold: The fold of a cross-validation that it is divided by, such as "2/5"; "" if
            none.

    Raises:
        RunError: The splits differ in type or size, or cannot be trained on.
    """

    name: str
    train: LabelledImages
    validation: LabelledImages
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    is_split_drawn: bool = False
    test: LabelledImages | None = None
    is_test_drawn: bool = False
    fold: str = ""

    def __post_init__(self) -> None:
        # Names of folders and files may contain terminal control codes or invalid text.
        object.__setattr__(self, "name", printable(str(self.name)))
        object.__setattr__(self, "class_names", _printable_names(self.class_names))
        object.__setattr__(self, "notes", tuple(map(printable, self.notes)))
        _check_split(self.train, "train", self)
        _check_split(self.validation, "validation", self)
        _check_pixels(self.train, "train", self)
        _check_pixels(self.validation, "validation", self)
        if self.test is not None:
            _check_split(self.test, "test", self)
        if len(set(self.class_names)) != len(self.class_names) or self.num_classes < 2:
            raise RunError(
                f"{self.name}: there must be two or more classes of different names, "
                f"not {', '.join(self.class_names)}"
            )
        _check_alike(self.validation, "validation", self)
        if self.test is not None:
            _check_alike(self.test, "test", self)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        height, width, channels = self.train.shape[1:]
        return height, width, channels

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def has_several_labels(self) -> bool:
        """Whether an image may have several labels: they are [N, K] of 0 and 1."""
        return self.train.labels.ndim == 2

    def check_test(self) -> None:
        """Checks the pixels of the test part, if there is one; call it to open it.

        Raises:
            RunError: An image in memory has NaN or infinite values.
        """
        if self.test is not None:
            _check_pixels(self.test, "test", self)


def stratified_split(
    labels: np.ndarray,
    fraction: float,
    seed: int,
    groups: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Divides examples into two parts with the same proportions of classes.

    >>> stratified_split(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 0.25, seed=0)
    (array([0, 1, 3, 4, 5, 6]), array([2, 7]))

    Args:
        labels: int [N]; or [N, K], several labels each: then the division is random,
            whatever the labels.
        fraction: The fraction of each class that goes to the second part; at least
            one example of a class stays in the first.
        seed: Seed of the random division.
        groups: int [N], what must not be divided; see `stratify.grouped_split`.

    Returns:
        The indices of both parts, int64, each in ascending order.
    """
    strata = np.zeros(len(labels), np.int32) if labels.ndim == 2 else labels
    if groups is not None:
        return grouped_split(strata, groups, fraction, seed)
    generator = np.random.Generator(np.random.PCG64(seed))
    second = np.zeros(len(labels), bool)
    for label in np.unique(strata):
        members = np.flatnonzero(strata == label)
        count = min(int(np.floor(fraction * len(members) + 0.5)), len(members) - 1)
        second[generator.permutation(members)[:count]] = True
    return np.flatnonzero(~second), np.flatnonzero(second)


def class_counts(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns the number of examples of each class, int64 [K].

    >>> class_counts(np.array([[1, 1], [0, 1]]), 2)
    array([1, 2])

    Args:
        labels: int [N], or [N, K] of 0 and 1.
        num_classes: K.
    """
    if labels.ndim == 2:
        return labels.sum(axis=0, dtype=np.int64)
    return np.bincount(labels, minlength=num_classes)


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


def _printable_names(names: Sequence[str]) -> tuple[str, ...]:
    """Returns names as printable text; names that differ stay different."""
    names = tuple(map(str, names))
    shown = tuple(map(printable, names))
    if len(set(shown)) < len(set(names)):
        # One was the escaped form of another.
        shown = tuple(printable(name.replace("\\", "\\\\")) for name in names)
    return shown


def _check_split(split: LabelledImages, part: str, dataset: Dataset) -> None:
    name, shape, labels = f"{dataset.name}, {part}", split.shape, split.labels
    if len(shape) != 4 or split.dtype not in (np.uint8, np.float32):
        raise RunError(
            f"{name}: images must be uint8 or float32 [N, height, width, channels], "
            f"not {split.dtype} {tuple(shape)}; convert other types with "
            f"images.astype(np.float32)"
        )
    if len(labels) == 0:
        raise RunError(f"{name}: there are no images")
    if 0 in shape[1:]:
        raise RunError(
            f"{name}: images of {tuple(shape[1:])} (height, width, channels) have no "
            f"pixels"
        )
    if labels.shape not in ((shape[0],), (shape[0], dataset.num_classes)):
        raise RunError(
            f"{name}: {shape[0]} images have labels of shape {labels.shape}; they must "
            f"be one class number per image, or 0 or 1 for each of the "
            f"{dataset.num_classes} classes"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise RunError(
            f"{name}: labels must be integers, not {labels.dtype}; convert them with "
            f"labels.astype(np.int32)"
        )
    if labels.ndim == 2:
        wrong = np.flatnonzero(((labels != 0) & (labels != 1)).any(axis=1))
        if len(wrong):
            raise RunError(
                f"{name}: the labels of image {wrong[0]} are {labels[wrong[0]]}, not 0 "
                f"or 1 for each class ({len(wrong)} such images)"
            )
        if not labels.any():
            raise RunError(f"{name}: no image has a label")
    wrong = np.flatnonzero((labels < 0) | (labels >= dataset.num_classes))
    if len(wrong):
        raise RunError(
            f"{name}: label {labels[wrong[0]]} of image {wrong[0]} is not one of 0 to "
            f"{dataset.num_classes - 1} ({len(wrong)} such labels)"
        )
    if split.weights is not None:
        _check_weights(split.weights, len(labels), name)
    if split.groups is not None and split.groups.shape != labels.shape:
        raise RunError(
            f"{name}: {len(labels)} images have groups of shape {split.groups.shape}; "
            f"they must be one number per image"
        )


def _check_weights(weights: np.ndarray, count: int, name: str) -> None:
    """Raises RunError unless there is a weight for each of a number of examples."""
    if weights.dtype != np.float32:
        raise RunError(
            f"{name}: weights must be float32, not {weights.dtype}; convert them with "
            f"weights.astype(np.float32)"
        )
    if weights.shape != (count,):
        raise RunError(
            f"{name}: {count} images have weights of shape {weights.shape}; they must "
            f"be one number per image"
        )
    wrong = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
    if len(wrong):
        raise RunError(
            f"{name}: weight {weights[wrong[0]]} of image {wrong[0]} is not a finite "
            f"number of 0 or more ({len(wrong)} such weights)"
        )
    if not weights.any():
        raise RunError(f"{name}: all weights are 0; leave them out to weigh all alike")


def _check_pixels(split: LabelledImages, part: str, dataset: Dataset) -> None:
    name = f"{dataset.name}, {part}"
    bad = split.nonfinite_images()
    if len(bad):
        raise RunError(
            f"{name}: image {bad[0]} has NaN or infinite values ({len(bad)} such "
            f"images)"
        )


def _check_alike(split: LabelledImages, part: str, dataset: Dataset) -> None:
    """Raises RunError if the images of a split are not like the training images."""
    train = dataset.train
    if train.labels.ndim != split.labels.ndim:
        raise RunError(
            f"{dataset.name}: training labels are of shape {train.labels.shape} but "
            f"{part} labels {split.labels.shape}; give both as class numbers, or both "
            f"as 0 or 1 for each class"
        )
    if train.dtype != split.dtype:
        raise RunError(
            f"{dataset.name}: training images are {train.dtype} but {part} images "
            f"{split.dtype}; convert both to one type and scale"
        )
    if train.shape[1:] != split.shape[1:]:
        raise RunError(
            f"{dataset.name}: training images are {train.shape[1:]} but {part} images "
            f"{split.shape[1:]}; make them one size"
        )
