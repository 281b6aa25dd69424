"""Lists of training images that are left out: the CSV files of --exclude.

A line names an image by its file, or by its position in the split. Validation and test
images are never left out: accuracy would rise although the model is the same.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from framework.data import fingerprint
from framework.data.dataset import Dataset
from framework.errors import UsageError
from framework.system import atomic, paths
from framework.system.printable import printable

_SPLITS = ("train", "validation", "test")
_FILE, _INDEX = "file", "index"


@dataclasses.dataclass(frozen=True)
class ListedImage:
    """One line of a list.

    Attributes:
        split: "train", "validation" or "test".
        file: Its file; "" if it is named by its position.
        index: Its position in the split, in digits; "" if it is named by its file.
        label: The name of its class; "" if the list does not say.
        likely_label: The class that it is likely to be of; "" if that is not known.
        reason: Why it is listed, in words.
    """

    split: str
    file: str = ""
    index: str = ""
    label: str = ""
    likely_label: str = ""
    reason: str = ""


_COLUMNS = tuple(field.name for field in dataclasses.fields(ListedImage))


def listed(
    dataset: Dataset, rows: np.ndarray, likely: Sequence[str], reasons: Sequence[str]
) -> list[ListedImage]:
    """Returns the lines of some training images.

    Args:
        dataset: The data set.
        rows: int [n], their positions in the training split.
        likely: The class that each is likely to be of, or "".
        reasons: Why each is listed.
    """
    files, labels = dataset.train.paths, dataset.train.labels
    return [
        ListedImage(
            "train",
            files[row] if files else "",
            "" if files else str(row),
            dataset.class_names[labels[row]],
            other,
            reason,
        )
        for row, other, reason in zip(rows, likely, reasons, strict=True)
    ]


def write(path: Path, images: Sequence[ListedImage]) -> None:
    """Writes a list as a CSV file in UTF-8, with a line of column names.

    Raises:
        OSError: It cannot be written.
    """
    unused = _INDEX if any(each.file for each in images) else _FILE
    columns = [name for name in _COLUMNS if name != unused]
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(dataclasses.asdict(each) for each in images)
    atomic.write_text(path, text.getvalue())


def find(dataset: Dataset, files: str) -> tuple[np.ndarray, str]:
    """Finds the listed images in the training split.

    Args:
        dataset: The data set, once its test part is taken off.
        files: The value of --exclude: paths of lists, separated by commas.

    Returns:
        Their positions in the training split, rising, int64 [n]; and a notice about
        lines that name images of other splits, "" if there are none.

    Raises:
        UsageError: A list cannot be read, or names an image that does not exist or has
            another label.
    """
    if not files:
        return np.zeros(0, np.int64), ""
    names = _Names(dataset)
    found = [names.row(*line) for file in split(files) for line in _lines(file)]
    rows = np.unique(np.array([row for row in found if row is not None], np.int64))
    others = found.count(None)
    note = ""
    if others:
        note = f"--exclude: {others:,} lines name validation or test images, which stay"
    return rows, note


def split(files: str) -> list[str]:
    """Returns the paths in a value of --exclude.

    >>> split("flagged.csv, leaked.csv")
    ['flagged.csv', 'leaked.csv']
    """
    return [each.strip() for each in files.split(",")] if files else []


def sha256(file: str) -> str:
    """Returns the SHA-256 of a list, 64 hexadecimal digits.

    Raises:
        UsageError: It cannot be read.
    """
    return hashlib.sha256(_content(file)).hexdigest()


class _Names:
    """The images of a data set by file and by position."""

    def __init__(self, dataset: Dataset):
        self._dataset = dataset
        self._train = _by_file(dataset, "train")
        self._others = _by_file(dataset, "validation") | _by_file(dataset, "test")

    def row(self, image: ListedImage, where: str) -> int | None:
        """Returns the position of a training image; None for one of another split.

        Args:
            image: A line of a list.
            where: The list and the number of the line.

        Raises:
            UsageError: There is no such image, or it has another label.
        """
        if image.split != "train":
            return None
        row = self._row_of_file(image, where) if image.file else self._at(image, where)
        if row is None:
            return None
        label = self._dataset.class_names[self._dataset.train.labels[row]]
        if image.label and image.label != label:
            name = printable(image.file or f"image {row}")
            raise UsageError(
                f"{where}: {name} of train has the label {label!r}, not "
                f"{printable(image.label)!r}; this list is of other data"
            )
        return row

    def _row_of_file(self, image: ListedImage, where: str) -> int | None:
        for name in (os.path.abspath(image.file), os.path.normpath(image.file)):
            if name in self._train:
                return self._train[name]
            if name in self._others:
                return None
        raise UsageError(
            f"{where}: {self._dataset.name} has no image {printable(image.file)!r}; "
            f"correct or delete that line"
        )

    def _at(self, image: ListedImage, where: str) -> int:
        text, count = image.index, len(self._dataset.train)
        # More digits would take Python long to convert.
        is_number = text.isascii() and text.isdigit() and len(text) < 20
        if not is_number or int(text) >= count:
            raise UsageError(
                f"{where}: index must be from 0 to {count - 1:,}, the positions of the "
                f"training images, not {printable(text)!r}"
            )
        return int(text)


def _by_file(dataset: Dataset, name: str) -> dict[str, int]:
    """Returns positions in a split by absolute path, and by the name in data.json."""
    images = getattr(dataset, name)
    if images is None or not images.paths:
        return {}
    rows = {os.path.abspath(path): row for row, path in enumerate(images.paths)}
    if not dataset.train.paths or not dataset.validation.paths:
        return rows
    names = fingerprint.file_names(dataset).get(name, [])
    return rows | {file: row for row, file in enumerate(names)}


def _lines(file: str) -> Iterator[tuple[ListedImage, str]]:
    """Yields the lines of a list, and where each is.

    Raises:
        UsageError: It is no such list.
    """
    text = _content(file).decode("utf-8", "surrogateescape")
    table = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        columns = table.fieldnames or ()
        if "split" not in columns or not {_FILE, _INDEX} & set(columns):
            raise UsageError(
                f"--exclude: {file} must have the columns split and file, or split and "
                f"index, not {printable(', '.join(columns))!r}"
            )
        for line in table:
            where = f"--exclude: {file}, line {table.line_num}"
            yield _image(line, where), where
    except csv.Error as problem:
        raise UsageError(
            f"--exclude: {file}, line {table.line_num}: {problem}"
        ) from None


def _image(line: Mapping[str, str | None], where: str) -> ListedImage:
    """Returns the image of a line, which may lack columns or have others as well."""
    image = ListedImage(**{name: line.get(name) or "" for name in _COLUMNS})
    if image.split not in _SPLITS or not (image.file or image.index):
        raise UsageError(
            f"{where} must have a split ({', '.join(_SPLITS)}) and a file or an index, "
            f"not {printable(image.split)!r}, {printable(image.file or image.index)!r}"
        )
    return image


def _content(file: str) -> bytes:
    """Returns the content of a list.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return atomic.read_bytes(Path(paths.expand(file, "--exclude")))
    except OSError as problem:
        raise UsageError(
            f"--exclude: {file!r} cannot be read ({problem.strerror})"
        ) from None
    except UnicodeEncodeError:
        raise UsageError(f"--exclude: {file!r} is no name of a file") from None
