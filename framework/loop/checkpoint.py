"""Saves what a restart needs, so that it is whole or not there at all.

A checkpoint is one .npz file: arrays by name, which numpy reads anywhere. It is written
beside its place and moved there when it is complete; the zip format's checksums tell
when a disk has spoilt it.
"""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from framework.errors import RunError

# The name of the file in the folder of the best.
BEST = "checkpoint.npz"

_MAY_BE_NEW = "schedule/"
_NAME = re.compile(r"step-(\d+)\.npz")
# What reading a truncated or altered file can raise.
_SPOILT = (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, OSError)


class Checkpoints:
    """The checkpoints of a run.

    Args:
        folder: Where they are.
        best: Where the best one is.
        variables: What is saved and restored, by name.
        keep: How many of the latest to keep.
    """

    def __init__(
        self,
        folder: Path,
        best: Path,
        variables: Mapping[str, tf.Variable],
        keep: int,
    ):
        self._folder = folder
        self._best = best
        self._variables = variables
        self._keep = keep
        for place in (folder, best):
            place.mkdir(parents=True, exist_ok=True)
            for left_over in place.glob("*.tmp"):
                left_over.unlink()

    def save(self, step: int) -> None:
        """Saves the variables after so many steps, and lets go of old checkpoints."""
        write(self._folder / f"step-{step:08d}.npz", self._variables, step)
        for path in self._paths()[: -self._keep]:
            path.unlink()

    def save_best(self, step: int) -> None:
        """Saves the variables after so many steps as the best so far."""
        write(self._best / BEST, self._variables, step)

    def rewind(self, prefixes: tuple[str, ...]) -> None:
        """Sets some variables to what they were at the best evaluation so far.

        Args:
            prefixes: How the names of those begin.

        Raises:
            RunError: What was saved of it cannot be read.
        """
        variables = {
            name: variable
            for name, variable in self._variables.items()
            if name.startswith(prefixes)
        }
        path = self._best / BEST
        assign(variables, read(path), path)

    def restore(self) -> int:
        """Sets the variables to what the latest checkpoint says.

        One that cannot be read is passed over, with a message.

        Returns:
            How many steps had been done; 0 if there is no checkpoint.

        Raises:
            RunError: None can be read, or they are of another model.
        """
        paths = self._paths()
        for path in reversed(paths):
            try:
                values = _read(path)
            except _SPOILT as problem:
                logging.warning(
                    "%s cannot be read (%s); taking the one before it", path, problem
                )
                continue
            assign(self._variables, values, path)
            return int(values["step"])
        if paths:
            raise RunError(
                f"none of the checkpoints in {self._folder} can be read; start over "
                f"with --fresh, which moves them aside"
            )
        return 0

    def _paths(self) -> list[Path]:
        """Returns the files, the oldest first."""
        found = {
            int(match[1]): path
            for path in self._folder.iterdir()
            if (match := _NAME.fullmatch(path.name))
        }
        return [found[step] for step in sorted(found)]


def write(path: Path, variables: Mapping[str, tf.Variable], step: int) -> None:
    """Writes a checkpoint that is complete as soon as it is there."""
    temporary = path.with_name(path.name + ".tmp")
    values = {name: variable.numpy() for name, variable in variables.items()}
    try:
        with temporary.open("wb") as file:
            np.savez(file, step=np.int64(step), **values)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a checkpoint by name, with its "step".

    Raises:
        RunError: It is not there, or cannot be read.
    """
    try:
        return _read(path)
    except _SPOILT as problem:
        raise RunError(f"the checkpoint {path} cannot be read: {problem}") from None


def assign(
    variables: Mapping[str, tf.Variable], values: Mapping[str, np.ndarray], path: Path
) -> None:
    """Sets variables to the values of a checkpoint.

    A controller of the schedule that the checkpoint does not know begins anew: a run
    may go on under another schedule.

    Raises:
        RunError: The checkpoint is of another model or optimizer.
    """
    variables = {
        name: variable
        for name, variable in variables.items()
        if name in values or not name.startswith(_MAY_BE_NEW)
    }
    for name, variable in variables.items():
        if name not in values or values[name].shape != tuple(variable.shape):
            found = values[name].shape if name in values else "nothing"
            raise RunError(
                f"{path} is of another model or optimizer: {name} should be "
                f"{tuple(variable.shape)}, but there is {found}"
            )
    for name, variable in variables.items():
        variable.assign(values[name])


def _read(path: Path) -> dict[str, np.ndarray]:
    # Of a spoilt file that it opened itself, numpy would leave the handle open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
