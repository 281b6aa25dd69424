"""The type of every data set: its splits of labelled images, validated once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from framework.data import split_checks
from framework.data.split import LabelledImages
from framework.data.stream import Stream
from framework.errors import RunError
from framework.system.printable import printable


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A training, a validation and perhaps a test split of the same classes.

    >>> from framework.data import Split
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
        resize: How images of other sizes were fitted to one, where they are not files
            that are read here; see `framework.data.fit`. "" if not known.
        stream: What is trained on instead of `train`, which is a sample of it then.

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
    resize: str = ""
    stream: Stream | None = None

    def __post_init__(self) -> None:
        # Names of folders and files may contain terminal control codes or invalid text.
        object.__setattr__(self, "name", printable(str(self.name)))
        object.__setattr__(self, "class_names", _printable_names(self.class_names))
        object.__setattr__(self, "notes", tuple(map(printable, self.notes)))
        splits = {"train": self.train, "validation": self.validation}
        if self.test is not None:
            splits["test"] = self.test
        for part, split in splits.items():
            split_checks.check(split, f"{self.name}, {part}", self.num_classes)
        split_checks.check_pixels(self.train, f"{self.name}, train")
        split_checks.check_pixels(self.validation, f"{self.name}, validation")
        if len(set(self.class_names)) != len(self.class_names) or self.num_classes < 2:
            raise RunError(
                f"{self.name}: there must be two or more classes of different names, "
                f"not {', '.join(self.class_names)}"
            )
        for part, split in splits.items():
            split_checks.check_alike(self.train, split, part, self.name)

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
            split_checks.check_pixels(self.test, f"{self.name}, test")


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


def _printable_names(names: Sequence[str]) -> tuple[str, ...]:
    """Returns names as printable text; names that differ stay different."""
    names = tuple(map(str, names))
    shown = tuple(map(printable, names))
    if len(set(shown)) < len(set(names)):
        # One was the escaped form of another.
        shown = tuple(printable(name.replace("\\", "\\\\")) for name in names)
    return shown
