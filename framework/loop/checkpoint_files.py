"""Reads the checkpoints in a run's folder, and changes nothing there.

Programs that only look at a run use this; `framework.loop.checkpoint` writes, and only
in the process that holds the run's lock.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from framework.errors import RunError
from framework.system import archive
from framework.system.archive import DamagedError, Values

# What a checkpoint need not have: it then stays as it is at the start.
_MAY_BE_NEW = ("schedule/", "nonfinite/")
_MUST_MATCH = ("model/", "optimizer/", "ema/", "normalize/")
_NAME = re.compile(r"step-(\d{8,})\.npz", re.ASCII)
# How often a listing is repeated when the writer deletes each file that it names.
_LISTINGS = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a run after a number of steps.

    Attributes:
        step: How many optimizer steps had been taken.
        path: Where it was read from.
        values: The arrays, by the name of their variable.
    """

    step: int
    path: Path
    values: Values


class CheckpointFiles:
    """The checkpoints of a run, for reading; the run may be under way.

    Args:
        folder: The latest ones.
        best: Those of the best evaluations.
    """

    def __init__(self, folder: Path, best: Path):
        self.folder = folder
        self.best = best

    def latest(self) -> Checkpoint | None:
        """Returns the latest checkpoint that can be read; None if there is none.

        A damaged one is passed over with a warning. One that the writer deletes in
        the meantime has a successor, which is read instead.

        Raises:
            RunError: There are some, but none can be read.
        """
        for _ in range(_LISTINGS):
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

    def best_of(self, ranked: Sequence[int]) -> Checkpoint | None:
        """Returns the best checkpoint that can be read; None if there is none.

        Args:
            ranked: The steps of all evaluations, the best first.
        """
        return _first_readable(self.by_rank(ranked))[0]

    def by_rank(self, ranked: Sequence[int]) -> list[Path]:
        """Returns the files of the best evaluations, the best first.

        Those of unknown rank come last, the latest of them first.

        Args:
            ranked: The steps of all evaluations, the best first.
        """
        places = {step: place for place, step in enumerate(ranked)}

        def key(path: Path) -> tuple[int, int]:
            return places.get(step_of(path), len(places)), -step_of(path)

        return sorted(checkpoint_paths(self.best), key=key)


def checkpoint_paths(folder: Path) -> list[Path]:
    """Returns the checkpoints in a folder, the oldest first; [] without the folder."""
    if not folder.is_dir():
        return []
    paths = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(paths, key=step_of)


def file_name(step: int) -> str:
    """Returns the name of the checkpoint of a step: "step-00000010.npz"."""
    return f"step-{step:08d}.npz"


def step_of(path: Path) -> int:
    """Returns the step that the name of a checkpoint says."""
    return int(_NAME.fullmatch(path.name)[1])


def _first_readable(paths: Sequence[Path]) -> tuple[Checkpoint | None, bool]:
    """Returns the first checkpoint that can be read, and whether a file vanished."""
    vanished = False
    for path in paths:
        try:
            values = archive.read(path)
        except DamagedError as problem:
            vanished |= not path.exists()
            if path.exists():
                logging.warning("%s; passing it over", problem)
        else:
            return Checkpoint(int(values["step"]), path, values), False
    return None, vanished


def assign(
    variables: Mapping[str, tf.Variable], values: Mapping[str, np.ndarray], path: Path
) -> None:
    """Sets variables to the values of a checkpoint.

    A controller of the schedule that the checkpoint does not know starts afresh: a run
    may be resumed with another schedule. Values are converted to the width of their
    variable: counters had 32 bits once, and bfloat16 is kept as float32.

    Args:
        variables: By name.
        values: By the same names.
        path: Where the values come from, for messages.

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
    """Refuses values that do not belong to these variables.

    Args:
        variables: By name.
        values: By the same names.
        path: Where the values come from, for messages.

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
            found = f"{value.dtype} {value.shape}" if name in values else "nothing"
            wanted = f"{variable.dtype.name} {tuple(variable.shape)}"
            raise RunError(
                f"{path} is of another model or optimizer: {name} should be {wanted}, "
                f"but there is {found}"
            )


def must_match(variables: Mapping[str, tf.Variable]) -> dict[str, tf.Variable]:
    """Returns the variables that every checkpoint of the run has to have."""
    return {
        name: variable
        for name, variable in variables.items()
        if name.startswith(_MUST_MATCH)
    }


def _fits(value: np.ndarray, variable: tf.Variable) -> bool:
    """Returns whether a value has the shape, and the kind of number, of a variable."""
    kinds = {
        "f": variable.dtype.is_floating,
        "i": variable.dtype.is_integer and not variable.dtype.is_unsigned,
        "u": variable.dtype.is_unsigned,
        "b": variable.dtype.is_bool,
    }
    return value.shape == tuple(variable.shape) and kinds[value.dtype.kind]
