"""The predictions of each evaluation, as files: the only module that knows the format.

    FOLDER/step-00000010.npz

has what `Predictions` has, of the evaluation after ten steps; see
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

_NAME = re.compile(r"step-(\d{8,})\.npz", re.ASCII)
# The kind of each array, and whether a file must have it.
_ARRAYS = {
    "labels": ("i", True),
    "predicted": ("i", True),
    "rank": ("i", False),
    "confidence": ("f", True),
    "losses": ("f", True),
}
# A warning names no more files than this.
_MOST_NAMED = 3


def write(folder: Path, step: int, predictions: Predictions) -> None:
    """Writes the predictions of an evaluation, all of them or nothing.

    Args:
        folder: Where to; it exists.
        step: How many steps have been done, which gives the file its name.
        predictions: Of the evaluation.

    Raises:
        OSError: They cannot be written.
    """
    arrays = {name: getattr(predictions, name) for name in _ARRAYS}
    known = {name: array for name, array in arrays.items() if array is not None}
    archive.write(folder / _name(step), step, known)


def read(path: Path) -> Predictions:
    """Returns the predictions in a file.

    Their rank is None if the file is of an earlier version, which did not keep it.

    Raises:
        DamagedError: It is not there, or not as it was written.
    """
    # Earlier files have no checksum.
    values = archive.read(path, plain=True)
    problem = _problem(values)
    if problem:
        raise DamagedError(f"{path} is not of predictions: {problem}")
    return Predictions(**{name: values.get(name) for name in _ARRAYS})


def read_all(folder: Path, labels: np.ndarray | None = None) -> dict[int, Predictions]:
    """Returns the predictions of all evaluations in a folder by step, in their order.

    Files that are none of them, damaged, or of other examples are left out, with a
    warning.

    Args:
        folder: Need not exist.
        labels: int [N], those of the examples; if None, those of the latest file.
    """
    found, reasons = {}, []
    for step, path in sorted(_files(folder), reverse=True):
        try:
            predictions = read(path)
        except DamagedError as problem:
            reasons.append(str(problem))
            continue
        labels = predictions.labels if labels is None else labels
        if np.array_equal(predictions.labels, labels):
            found[step] = predictions
        else:
            reasons.append(f"{path} is of other examples")
    foreign = sorted(set(_names(folder)) - {path.name for _, path in _files(folder)})
    reasons += [f"{folder / name} has another name" for name in foreign]
    if reasons:
        shown = "; ".join(reasons[:_MOST_NAMED])
        rest = len(reasons) - _MOST_NAMED
        more = f"; and {rest} more" if rest > 0 else ""
        logging.warning("predictions left out: %s%s", shown, more)
    return dict(sorted(found.items()))


def cut_back(folder: Path, step: int) -> None:
    """Deletes the predictions of the evaluations after a step."""
    for later, path in list(_files(folder)):
        if later > step and not path.is_dir():
            path.unlink()


def _name(step: int) -> str:
    return f"step-{step:08d}.npz"


def _files(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yields the step and the path of each file that is named as `write` names it."""
    for name in _names(folder):
        match = _NAME.fullmatch(name)
        # Not step-000000002.npz, for then there could be two of one step.
        if match and name == _name(int(match[1])):
            yield int(match[1]), folder / name


def _names(folder: Path) -> list[str]:
    """Returns the names of the files in a folder, but for those being written."""
    if not folder.is_dir():
        return []
    names = [path.name for path in folder.iterdir()]
    return [name for name in names if not name.endswith(atomic.SUFFIX)]


def _problem(values: Values) -> str:
    """Returns what is wrong with the arrays of a file, or nothing."""
    for name, (kind, is_needed) in _ARRAYS.items():
        if name not in values:
            if is_needed:
                return f"it has no {name}"
            continue
        array = values[name]
        if array.dtype.kind != kind or array.ndim != 1:
            return f"{name} is {array.dtype} {list(array.shape)}"
        if len(array) != len(values["labels"]) or not len(array):
            return f"{name} has {len(array)} entries"
        if kind == "i" and (array.min() < 0 or array.max() > np.iinfo(np.int32).max):
            return f"{name} is not from 0 up"
    return ""
