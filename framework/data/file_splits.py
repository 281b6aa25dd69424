"""Splits of image files: their classes, unreadable files, and a random division."""

from __future__ import annotations

import numpy as np
from absl import logging

from framework.data.files import Files
from framework.data.split import LazySplit
from framework.data.stratify import stratified_split
from framework.errors import RunError, UsageError

# The maximum number of files that a log line or a notice names.
_MAX_NAMES = 10


def check_classes(counts: np.ndarray, names: tuple[str, ...], origin: str) -> None:
    """Checks that there are images of each class, and several classes.

    Args:
        counts: int [K], the number of images of each class.
        names: The classes.
        origin: The folder or table, for messages.

    Raises:
        RunError: A class has no images, or there is only one class.
    """
    if not counts.all():
        empty = [name for name, count in zip(names, counts, strict=True) if not count]
        raise RunError(
            f"'{origin}' has no readable images of {', '.join(map(repr, empty))}; add "
            "some, or delete the class"
        )
    if len(names) < 2:
        raise RunError(f"'{origin}' has only one class, {names[0]!r}; add another")


def without_corrupt(split: LazySplit, notes: list[str]) -> LazySplit:
    """Returns the examples whose files can be read; adds a notice of the others.

    Args:
        split: Of image files.
        notes: The notices.
    """
    if not isinstance(split.images, Files):
        return split
    bad = split.images.corrupt()
    if not len(bad):
        return split
    paths = split.take(bad[:_MAX_NAMES]).paths
    more = ", ..." if len(bad) > len(paths) else ""
    notes.append(f"{len(bad)} unreadable files left out: {', '.join(paths)}{more}")
    logging.warning("%s", notes[-1])
    return split.take(np.setdiff1d(np.arange(len(split)), bad))


def divide(
    whole: LazySplit,
    fraction: float,
    seed: int,
    names: tuple[str, ...],
    notes: list[str],
) -> tuple[LazySplit, LazySplit]:
    """Divides images into training and validation images, stratified by class.

    Args:
        whole: The images; no group of them is divided.
        fraction: That of the validation images.
        seed: Seed of the random division.
        names: The classes.
        notes: The notices; classes without validation images are added.

    Raises:
        UsageError: There are no validation images.
    """
    first, second = stratified_split(whole.labels, fraction, seed, whole.groups)
    train, validation = whole.take(first), whole.take(second)
    if not len(validation):
        raise UsageError(
            f"validation={fraction} of {len(whole)} images leaves no validation image "
            "of any class; raise it"
        )
    note_absent(validation, names, notes)
    return train, validation


def note_absent(
    validation: LazySplit, names: tuple[str, ...], notes: list[str]
) -> None:
    """Adds a notice of the classes that have no validation images.

    Args:
        validation: The validation images.
        names: The classes.
        notes: The notices.
    """
    counts = np.bincount(validation.labels, minlength=len(names))
    absent = [name for name, count in zip(names, counts, strict=True) if not count]
    if absent:
        notes.append(
            f"there are no validation images of {', '.join(map(repr, absent))}"
        )
