"""Reads the checkpoints in a run's folder; changes nothing there.

For programs that only read a run. `framework.loop.checkpoint` writes, in the process
that holds the run's lock.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from framework.errors import RunError
from framework.system import archive
from framework.system.archive import DamagedError, Values

# Variables that a checkpoint may lack: they keep their initial values.
_MAY_BE_NEW = ("schedule/", "nonfinite/")
_MUST_MATCH = ("model/", "optimizer/", "ema/", "normalize/")
# A name with more digits was not written here: a step has 63 bits.
_NAME = re.compile(r"step-(\d{8,18})\.npz", re.ASCII)
# The maximum number of listings, where the writer deletes all listed files meanwhile.
_MAX_LISTINGS = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a run after a number of steps.

    Attributes:
        step: The number of optimizer steps.
        path: The file.
        values: Arrays by the name of their variable.
    """

    step: int
    path: Path
    values: Values


class CheckpointFiles:
    """The checkpoints of a run, for reading, even while the run trains.

    Args:
        folder: Folder of the latest checkpoints.
        best: Folder of the checkpoints of the best evaluations.
    """

    def __init__(self, folder: Path, best: Path):
        self.folder = folder
        self.best = best

    def paths(self) -> list[Path]:
        """Returns all paths that are named like a checkpoint, in both folders."""
        return [*checkpoint_paths(self.folder), *checkpoint_paths(self.best)]

    def latest(self) -> Checkpoint | None:
        """Returns the latest readable checkpoint; None if there are no checkpoints.

        Skips damaged checkpoints with a warning. If the writer deletes a checkpoint
        meanwhile, its successor is read instead.

        Raises:
            RunError: There are checkpoints, but none is readable.
        """
        for _ in range(_MAX_LISTINGS):
            paths = checkpoint_paths(self.folder)
            checkpoint, vanished = _first_readable(reversed(paths))
            if checkpoint or not vanished:
                break
        if checkpoint is None and paths:
            raise RunError(
                f"none of the checkpoints in {self.folder} can be read; start over "
                f"with --fresh, which moves them aside"
            )
        return checkpoint

    def latest_of(self, among: Callable[[int], bool]) -> Checkpoint | None:
        """Returns the latest readable checkpoint of some steps; None if there is none.

        Args:
            among: Whether the checkpoint of a step may be returned.
        """
        paths = [path for path in checkpoint_paths(self.folder) if among(step_of(path))]
        return _first_readable(reversed(paths))[0]

    def best_of(self, ranked: Sequence[int]) -> Checkpoint | None:
        """Returns the best readable checkpoint; None if there is none.

        Args:
            ranked: The steps of all evaluations, the best first.
        """
        return _first_readable(self.by_rank(ranked))[0]

    def by_rank(self, ranked: Sequence[int]) -> list[Path]:
        """Returns the files of the best evaluations, the best first.

        Files of unknown rank come last, the latest of them first.

        Args:
            ranked: The steps of all evaluations, the best first.
        """
        places = {step: place for place, step in enumerate(ranked)}

        def key(path: Path) -> tuple[int, int]:
            return places.get(step_of(path), len(places)), -step_of(path)

        return sorted(checkpoint_paths(self.best), key=key)


def checkpoint_paths(folder: Path) -> list[Path]:
    """Returns the checkpoint files in a folder by step; [] if there is no folder."""
    if not folder.is_dir():
        return []
    paths = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(paths, key=step_of)


def file_name(step: int) -> str:
    """Returns the name of the checkpoint file of a step.

    >>> file_name(10)
    'step-00000010.npz'
    """
    return f"step-{step:08d}.npz"


def step_of(path: Path) -> int:
    """Returns the step in the name of a checkpoint file.

    >>> step_of(Path("step-00000010.npz"))
    10

    Raises:
        ValueError: The name is not that of a checkpoint file.
    """
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path.name} is not the name of a checkpoint")
    return int(match[1])


def _first_readable(paths: Iterable[Path]) -> tuple[Checkpoint | None, bool]:
    """Returns the first readable checkpoint, and whether a file vanished."""
    vanished = False
    for path in paths:
        try:
            values = archive.read(path)
        except DamagedError as problem:
            vanished |= not path.exists()
            if path.exists():
                logging.warning("%s; skipping it", problem)
        else:
            return Checkpoint(int(values["step"]), path, values), False
    return None, vanished


def assign(
    variables: Mapping[str, tf.Variable], values: Mapping[str, np.ndarray], path: Path
) -> None:
    """Sets variables to the values of a checkpoint.

    A schedule's controller that the checkpoint lacks keeps its initial state, because a
    run may resume with another schedule. Values are cast to the type of their variable:
    earlier versions had 32-bit counters, and bfloat16 is saved as float32.

    Args:
        variables: Variables by name.
        values: Values by the same names.
        path: The file of the values, for messages.

    Raises:
        RunError: The checkpoint is of another model or optimizer.
    """
    variables = {
        name: variable
        for name, variable in variables.items()
        if name in values or not name.startswith(_MAY_BE_NEW)
    }
    check(variables, values, path)
    for name, variable in variables.items():
        variable.assign(values[name].astype(variable.dtype.as_numpy_dtype, copy=False))


def check(
    variables: Mapping[str, tf.Variable], values: Mapping[str, np.ndarray], path: Path
) -> None:
    """Checks that values fit variables in number, shape and kind.

    Args:
        variables: Variables by name.
        values: Values by the same names.
        path: The file of the values, for messages.

    Raises:
        RunError: The checkpoint is of another model or optimizer.
    """
    unexpected = [
        name
        for name in values
        if name.startswith(_MUST_MATCH) and name not in variables
    ]
    if unexpected:
        raise RunError(
            f"{path} is of another model or optimizer: unexpected variable "
            f"{unexpected[0]}"
        )
    for name, variable in variables.items():
        value = values.get(name)
        if value is None or not _fits(value, variable):
            actual = "missing" if value is None else f"{value.dtype} {value.shape}"
            expected = f"{variable.dtype.name} {tuple(variable.shape)}"
            raise RunError(
                f"{path} is of another model or optimizer: {name} should be "
                f"{expected}, but is {actual}"
            )


def check_numbers(values: Mapping[str, np.ndarray], path: Path) -> None:
    """Checks that no weight of a model is NaN; training saves no such checkpoint.

    Args:
        values: Arrays by name.
        path: The file of the values, for messages.

    Raises:
        RunError: A weight is NaN.
    """
    for name, value in values.items():
        is_weight = name.startswith("model/") and value.dtype.kind == "f"
        if is_weight and np.isnan(value).any():
            raise RunError(
                f"{path} has NaN in {name}; delete it to resume from the checkpoint "
                f"before it, or start over with --fresh"
            )


def must_match(variables: Mapping[str, tf.Variable]) -> dict[str, tf.Variable]:
    """Returns the variables that every checkpoint of the run must have."""
    return {
        name: variable
        for name, variable in variables.items()
        if name.startswith(_MUST_MATCH)
    }


def _fits(value: np.ndarray, variable: tf.Variable) -> bool:
    """Returns whether a value has the shape and the kind of number of a variable."""
    kinds = {
        "f": variable.dtype.is_floating,
        "i": variable.dtype.is_integer and not variable.dtype.is_unsigned,
        "u": variable.dtype.is_unsigned,
        "b": variable.dtype.is_bool,
    }
    return value.shape == tuple(variable.shape) and kinds[value.dtype.kind]
