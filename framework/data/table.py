"""A data set of image files that a table lists with their labels."""

from __future__ import annotations

import math
import os
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from framework.data import file_splits, files, formats, rows
from framework.data.dataset import Dataset
from framework.data.files import Files
from framework.data.rows import Table
from framework.data.split import LazySplit
from framework.errors import RunError
from framework.system import paths
from framework.system.printable import printable

_SPLITS = ("train", "validation", "test")
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")


def table(
    path: str,
    image: str = "image",
    label: str = "label",
    split: str = "",
    group: str = "",
    weight: str = "",
    root: str = "",
    size: int | tuple[int, int] = 64,
    validation: float = 0.2,
    seed: int = 0,
    channels: int = 3,
    skip_corrupt: bool = False,
    resize: str = "squash",
) -> Dataset:
    """Returns the images that a table lists, read on demand.

    The table is a CSV or TSV file with a line of column names, or a Parquet file. The
    order of its lines does not matter. Labels are names or integers; classes are sorted
    by name or by number.

    Args:
        path: The table.
        image: The column of the files, absolute or relative to `root`.
        label: The column of the labels.
        split: The column that says train, validation or test; without it, or without
            validation images in it, these are drawn from the training images.
        group: The column of what must not be divided between splits, such as the
            patient or the video. --train_dev and --test do not divide it either.
        weight: The column of the weight of each example, 0 or more.
        root: The folder of relative files; by default that of the table.
        size: The height and width in pixels to resize to, or both as (height, width).
        validation: Fraction of each class to use for validation, between 0 and 1, if
            the table does not say.
        seed: Seed of the random division.
        channels: 3 for RGB, 1 for greyscale.
        skip_corrupt: Leaves out unreadable files instead of stopping at the first one.
            All files are then read once at the start.
        resize: How images of another aspect ratio are fitted: "squash" changes it,
            "crop" cuts off both ends of the longer side, "pad" adds black bars.

    Raises:
        UsageError: There is no such table or column, or an argument is out of range.
        RunError: A file does not exist or is listed twice, a group is in several
            splits, a weight is no number, or there are fewer than two classes.
    """
    pixels = files.checked_size(size)
    files.check_arguments(validation, channels, resize)
    path, root = paths.expand(path, "path"), paths.expand(root, "root")
    names = [name for name in (image, label, split, group, weight) if name]
    listed = rows.read(path, names)
    images = _files(listed, image, root or os.path.dirname(path))
    labels, classes = _labels(listed.columns[label])
    counts = np.bincount(labels, minlength=len(classes))
    file_splits.check_classes(counts, classes, path)
    whole = LazySplit(
        Files(images, pixels, channels, resize),
        labels,
        _weights(listed, weight) if weight else None,
        _groups(listed.columns[group]) if group else None,
    )
    parts = _parts(listed, split)
    _check_groups(listed, group, parts)
    # The order of the lines must not matter.
    order = np.lexsort((np.array(images), labels))
    whole, parts = whole.take(order), parts[order]
    return _dataset(path, whole, parts, classes, validation, seed, skip_corrupt)


def _dataset(
    path: str,
    whole: LazySplit,
    parts: np.ndarray,
    classes: tuple[str, ...],
    validation: float,
    seed: int,
    skip_corrupt: bool,
) -> Dataset:
    """Returns the data set of all examples and the names of their splits."""
    notes: list[str] = []
    splits = {name: whole.take(np.flatnonzero(parts == name)) for name in _SPLITS}
    splits = {name: each for name, each in splits.items() if len(each)}
    if skip_corrupt:
        splits = {
            name: file_splits.without_corrupt(each, notes)
            for name, each in splits.items()
        }
    train, test = splits["train"], splits.get("test")
    absent = np.setdiff1d(whole.labels, train.labels)
    if len(absent):
        raise RunError(
            f"{path}: there are no readable training images of "
            f"{classes[absent[0]]!r}; add some, or delete the lines of that class"
        )
    is_drawn = "validation" not in splits
    if is_drawn:
        train, held_out = file_splits.divide(train, validation, seed, classes, notes)
    else:
        held_out = splits["validation"]
        file_splits.note_absent(held_out, classes, notes)
    return Dataset(
        f"table {path}",
        train,
        held_out,
        classes,
        tuple(notes),
        is_split_drawn=is_drawn,
        test=test,
    )


def _files(listed: Table, image: str, root: str) -> tuple[str, ...]:
    """Returns the path of each image; checks that each file exists, and once only."""
    # An absolute name stays as it is.
    images = [os.path.join(root, name) for name in listed.columns[image]]
    missing = [row for row, name in enumerate(images) if not os.path.isfile(name)]
    if missing:
        row = missing[0]
        raise RunError(
            f"{listed.where(row)}: there is no file {printable(images[row])!r} "
            f"({len(missing):,} such lines); correct the line, or give the folder of "
            f"the files as root"
        )
    lines: dict[str, int] = {}
    for row, name in enumerate(images):
        formats.check_suffix(pathlib.Path(name))
        first = lines.setdefault(os.path.abspath(name), row)
        if first != row:
            raise RunError(
                f"{listed.where(row)}: {printable(name)!r} is in line "
                f"{listed.lines[first]} as well; delete one of both, so that no image "
                f"is in two splits"
            )
    return tuple(images)


def _labels(cells: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns labels as int32 [N], and the classes; integers are sorted as numbers."""
    are_integers = all(map(_INTEGER.fullmatch, set(cells)))
    classes = tuple(sorted(set(cells), key=int if are_integers else None))
    places = {name: place for place, name in enumerate(classes)}
    return np.array([places[cell] for cell in cells], np.int32), classes


def _groups(cells: Sequence[str]) -> np.ndarray:
    """Returns the number of the group of each row, int32 [N]."""
    return np.unique(np.array(cells), return_inverse=True)[1].astype(np.int32)


def _weights(listed: Table, weight: str) -> np.ndarray:
    """Returns weights, float32 [N]."""
    weights = np.empty(len(listed.lines), np.float32)
    for row, cell in enumerate(listed.columns[weight]):
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise RunError(
                f"{listed.where(row)}: {weight} must be a number of 0 or more, not "
                f"{printable(cell)!r}"
            )
        weights[row] = value
    return weights


def _parts(listed: Table, split: str) -> np.ndarray:
    """Returns the split of each row: "train", "validation" or "test"."""
    if not split:
        return np.full(len(listed.lines), "train", "<U10")
    cells = listed.columns[split]
    for row, cell in enumerate(cells):
        if cell not in _SPLITS:
            raise RunError(
                f"{listed.where(row)}: {split} must be train, validation or test, not "
                f"{printable(cell)!r}"
            )
    if "train" not in cells:
        raise RunError(f"{listed.path}: no line has the {split} 'train'")
    return np.array(cells, "<U10")


def _check_groups(listed: Table, group: str, parts: np.ndarray) -> None:
    """Checks that the splits of the table divide no group."""
    if not group:
        return
    first: dict[str, int] = {}
    for row, name in enumerate(listed.columns[group]):
        before = first.setdefault(name, row)
        if parts[before] != parts[row]:
            raise RunError(
                f"{listed.where(row)}: {group} {printable(name)!r} is in "
                f"'{parts[row]}', but in line {listed.lines[before]} in "
                f"'{parts[before]}'; move one of both"
            )
