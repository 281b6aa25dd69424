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

_MAY_BE_NEW = "schedule/"
_MUST_MATCH = ("model/", "optimizer/", "ema/", "normalize/")
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
        write(self._folder / _name(step), self._variables, step)
        for path in self._paths(self._folder)[: -self._keep]:
            path.unlink()
        # Until now a killed run would have gone on from before the newest best one.
        for path in self._paths(self._best)[:-1]:
            path.unlink()

    def save_best(self, step: int) -> None:
        """Saves the variables after so many steps as the best so far."""
        write(self._best / _name(step), self._variables, step)

    def rewind(self, prefixes: tuple[str, ...]) -> None:
        """Sets some variables to what they were at the best evaluation, if any.

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
        for path in self._paths(self._best)[-1:]:
            values = read(path)
            chosen = {
                name: values[name] for name in values if name.startswith(prefixes)
            }
            assign(variables, chosen, path)

    def check(self) -> None:
        """Refuses checkpoints of another model or optimizer, and changes nothing.

        Raises:
            RunError: Such checkpoints, or none that can be read.
        """
        latest = self._latest()
        if latest:
            path, values = latest
            known = {
                name: variable
                for name, variable in self._variables.items()
                if name.startswith(_MUST_MATCH)
            }
            check(known, values, path)

    def restore(self) -> int:
        """Sets the variables to what the latest checkpoint says.

        One that cannot be read is passed over, with a message.

        Returns:
            How many steps had been done; 0 if there is no checkpoint.

        Raises:
            RunError: None can be read, or they are of another model.
        """
        latest, step = self._latest(), 0
        if latest:
            path, values = latest
            assign(self._variables, values, path)
            step = int(values["step"])
        # Of a future that this run has not had.
        for path in self._paths(self._best):
            if _step(path) > step:
                path.unlink()
        return step

    def _latest(self) -> tuple[Path, dict[str, np.ndarray]] | None:
        """Returns the latest checkpoint that can be read; None if there is none."""
        paths = self._paths(self._folder)
        for path in reversed(paths):
            try:
                return path, _read(path)
            except _SPOILT as problem:
                logging.warning(
                    "%s cannot be read (%s); passing it over", path, problem
                )
        if paths:
            raise RunError(
                f"none of the checkpoints in {self._folder} can be read; start over "
                f"with --fresh, which moves them aside"
            )
        return None

    def _paths(self, folder: Path) -> list[Path]:
        """Returns the checkpoints in a folder, the oldest first."""
        found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
        return sorted(found, key=_step)


def _name(step: int) -> str:
    return f"step-{step:08d}.npz"


def _step(path: Path) -> int:
    return int(_NAME.fullmatch(path.name)[1])


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
    check(variables, values, path)
    for name, variable in variables.items():
        variable.assign(values[name])


def check(
    variables: Mapping[str, tf.Variable], values: Mapping[str, np.ndarray], path: Path
) -> None:
    """Refuses values that are not of these variables.

    Raises:
        RunError: The checkpoint is of another model or optimizer.
    """
    surplus = [
        name
        for name in values
        if name.startswith(_MUST_MATCH) and name not in variables
    ]
    if surplus:
        raise RunError(
            f"{path} is of another model or optimizer: it has {surplus[0]} besides"
        )
    for name, variable in variables.items():
        if name not in values or values[name].shape != tuple(variable.shape):
            found = values[name].shape if name in values else "nothing"
            raise RunError(
                f"{path} is of another model or optimizer: {name} should be "
                f"{tuple(variable.shape)}, but there is {found}"
            )


def _read(path: Path) -> dict[str, np.ndarray]:
    # Of a spoilt file that it opened itself, numpy would leave the handle open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
