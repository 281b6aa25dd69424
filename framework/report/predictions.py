"""Reads and writes the predictions of each evaluation; owner of the file format.

    FOLDER/step-00000010.npz

has the fields of `Predictions` of the evaluation after ten steps, in the format of
`framework.system.archive`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import logging

from framework.numerics.metrics import Predictions
from framework.system import archive, atomic
from framework.system.archive import DamagedError, Values

# A name with more digits was not written here: a step has 63 bits.
_NAME = re.compile(r"step-(\d{8,18})\.npz", re.ASCII)
# The NumPy kind of each array, and whether a file must have it.
_ARRAYS = {
    "labels": ("i", True),
    "predicted": ("i", True),
    "rank": ("i", False),
    "confidence": ("f", True),
    "losses": ("f", True),
    "weights": ("f", False),
}
# Those that are [N, K] where images may have several labels.
_BY_CLASS = ("labels", "predicted", "confidence")
# The maximum number of files that a warning names.
_MAX_NAMED = 3


def write(folder: Path, step: int, predictions: Predictions) -> None:
    """Writes the predictions of an evaluation, atomically.

    Args:
        folder: The folder; it must exist.
        step: The number of steps so far, which determines the file name.
        predictions: The predictions.

    Raises:
        OSError: The file cannot be written.
    """
    arrays = {name: getattr(predictions, name) for name in _ARRAYS}
    present = {name: array for name, array in arrays.items() if array is not None}
    archive.write(folder / _name(step), step, present)


def read(path: Path) -> Predictions:
    """Reads the predictions in a file.

    Their rank is None if an earlier version, which did not store it, wrote the file.

    Raises:
        DamagedError: The file does not exist, or is damaged.
    """
    # Earlier files have no checksum.
    values = archive.read(path, plain=True)
    problem = _format_error(values)
    if problem:
        raise DamagedError(f"{path} is not a file of predictions: {problem}")
    return Predictions(
        labels=values["labels"],
        predicted=values["predicted"],
        rank=values.get("rank"),
        confidence=values["confidence"],
        losses=values["losses"],
        weights=values.get("weights"),
    )


def read_all(folder: Path, labels: np.ndarray | None = None) -> dict[int, Predictions]:
    """Reads the predictions of all evaluations in a folder, by step in ascending order.

    Other files, damaged files and those of other examples are left out with a warning.

    Args:
        folder: The folder; it need not exist.
        labels: int [N], the labels of the examples; None for those of the latest file.
    """
    by_step: dict[int, Predictions] = {}
    reasons = []
    for step, path in sorted(_files(folder), reverse=True):
        try:
            predictions = read(path)
        except DamagedError as problem:
            reasons.append(str(problem))
            continue
        labels = predictions.labels if labels is None else labels
        if np.array_equal(predictions.labels, labels):
            by_step[step] = predictions
        else:
            reasons.append(f"{path} is of other examples")
    foreign = sorted(set(_names(folder)) - {path.name for _, path in _files(folder)})
    reasons += [f"{folder / name} has another name" for name in foreign]
    if reasons:
        shown = "; ".join(reasons[:_MAX_NAMED])
        rest = len(reasons) - _MAX_NAMED
        more = f"; and {rest} more" if rest > 0 else ""
        logging.warning("predictions left out: %s%s", shown, more)
    return dict(sorted(by_step.items()))


def truncate(folder: Path, step: int) -> None:
    """Deletes the predictions of the evaluations after a step."""
    for later, path in list(_files(folder)):
        if later > step and not path.is_dir():
            path.unlink()


def _name(step: int) -> str:
    return f"step-{step:08d}.npz"


def _files(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yields the step and the path of each file with a name that `write` gives."""
    for name in _names(folder):
        match = _NAME.fullmatch(name)
        # Not step-000000002.npz: two files would be of one step.
        if match and name == _name(int(match[1])):
            yield int(match[1]), folder / name


def _names(folder: Path) -> list[str]:
    """Returns the names of the complete files in a folder."""
    if not folder.is_dir():
        return []
    names = [path.name for path in folder.iterdir()]
    return [name for name in names if not name.endswith(atomic.SUFFIX)]


def _format_error(values: Values) -> str:
    """Returns why the arrays of a file are not predictions; "" if they are."""
    for name, (kind, is_needed) in _ARRAYS.items():
        if name not in values:
            if is_needed:
                return f"it has no {name}"
            continue
        array = values[name]
        shape = values["labels"].shape[1:2] if name in _BY_CLASS else ()
        is_shaped = array.ndim == 1 + len(shape) and array.shape[1:] == shape
        if array.dtype.kind != kind or not is_shaped:
            return f"{name} is {array.dtype} {list(array.shape)}"
        if len(array) != len(values["labels"]) or not len(array):
            return f"{name} has {len(array)} entries"
        if kind == "i" and (array.min() < 0 or array.max() > np.iinfo(np.int32).max):
            return f"{name} is out of range"
    return ""
