"""Saves what a restart needs while training goes on, and goes on from there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from framework import archive
from framework.archive import Values
from framework.errors import RunError

# What a checkpoint need not have: it then stays as it is at the start.
_MAY_BE_NEW = ("schedule/", "nonfinite/")
_MUST_MATCH = ("model/", "optimizer/", "ema/", "normalize/")
_NAME = re.compile(r"step-(\d+)\.npz")


class Checkpoints:
    """The checkpoints of a run, written by a thread of their own.

    What is saved is copied at once; training goes on while it is written. Files come to
    the disk in the order in which they were asked for. What goes wrong is raised by the
    next call, or by `raise_failure`.

    Args:
        folder: Where they are.
        best: Where the best ones are.
        variables: What is saved and restored, by name.
        keep: How many of the latest to keep.
        keep_best: How many of the best to keep.

    Attributes:
        kept: What was last saved or restored, and after how many steps.
    """

    def __init__(
        self,
        folder: Path,
        best: Path,
        variables: Mapping[str, tf.Variable],
        keep: int,
        keep_best: int = 1,
    ):
        self._folder = folder
        self._best = best
        self._variables = variables
        self._keep = keep
        self._keep_best = keep_best
        self._writer = futures.ThreadPoolExecutor(1, "checkpoints")
        self._writes: list[tuple[int, futures.Future]] = []
        self.kept: tuple[int, Values] = (0, {})
        for place in (folder, best):
            place.mkdir(parents=True, exist_ok=True)
            for left_over in place.glob("*.tmp"):
                left_over.unlink()

    def save(self, step: int, ranked: Sequence[int] = ()) -> None:
        """Saves the variables after so many steps, and lets go of old checkpoints.

        Args:
            step: How many steps.
            ranked: The steps of all evaluations, that of the best first.
        """
        self.kept = step, self._values()
        self._write(step, self._write_latest, *self.kept, tuple(ranked))

    def save_best(self, step: int, ranked: Sequence[int]) -> None:
        """Saves the variables after so many steps if they are among the best so far."""
        if step in ranked[: self._keep_best]:
            path = self._best / _name(step)
            self._write(step, archive.write, path, step, self._values())

    def raise_failure(self) -> None:
        """Raises what has gone wrong in writing; does not wait.

        Raises:
            OSError: The disk is full, or the like.
        """
        while self._writes and self._writes[0][1].done():
            self._writes.pop(0)[1].result()

    def wait(self) -> None:
        """Waits until all is on the disk.

        Raises:
            OSError: It cannot be, for the disk is full, or the like.
        """
        while self._writes:
            self._writes.pop(0)[1].result()

    def close(self) -> None:
        """Waits until all is on the disk, or has failed; nothing is saved after it."""
        self._writer.shutdown()

    def go_back(self) -> int:
        """Sets the variables to what was last saved or restored.

        Returns:
            After how many steps that was.
        """
        step, values = self.kept
        for name, variable in self._variables.items():
            variable.assign(values[name])
        return step

    def rewind(self, prefixes: tuple[str, ...], ranked: Sequence[int]) -> None:
        """Sets some variables to what they were at the best evaluation, if any.

        Args:
            prefixes: How the names of those begin.
            ranked: The steps of all evaluations, that of the best first.

        Raises:
            RunError: What was saved of it cannot be read.
        """
        self.wait()
        variables = {
            name: variable
            for name, variable in self._variables.items()
            if name.startswith(prefixes)
        }
        for path in self._by_rank(ranked)[:1]:
            values = archive.read(path)
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
        self.kept = step, self._values()
        # Of a future that this run has not had.
        for path in self._paths(self._best):
            if _step(path) > step:
                path.unlink()
        return step

    def _values(self) -> Values:
        """Returns a copy of the variables in the host's memory."""
        return {name: variable.numpy() for name, variable in self._variables.items()}

    def _write(self, step: int, function: Callable[..., None], *args: object) -> None:
        """Has the writer call a function, when those of earlier steps are done."""
        if any(earlier != step for earlier, _ in self._writes):
            self.wait()
        self._writes.append((step, self._writer.submit(function, *args)))

    def _write_latest(self, step: int, values: Values, ranked: Sequence[int]) -> None:
        archive.write(self._folder / _name(step), step, values)
        for path in self._paths(self._folder)[: -self._keep]:
            path.unlink()
        # Until now a killed run would have gone on from before the newest best ones.
        for path in self._by_rank(ranked)[self._keep_best :]:
            path.unlink()

    def _by_rank(self, ranked: Sequence[int]) -> list[Path]:
        """Returns the best ones, the very best first; of unknown rank the latest."""
        places = {step: place for place, step in enumerate(ranked)}

        def key(path: Path) -> tuple[int, int]:
            return places.get(_step(path), len(places)), -_step(path)

        return sorted(self._paths(self._best), key=key)

    def _latest(self) -> tuple[Path, Values] | None:
        """Returns the latest checkpoint that can be read; None if there is none."""
        paths = self._paths(self._folder)
        for path in reversed(paths):
            try:
                return path, archive.load(path)
            except archive.SPOILT as problem:
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
        # Counters had 32 bits once; bfloat16 is kept as float32.
        variable.assign(values[name].astype(variable.dtype.as_numpy_dtype))


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
        if not _is_of_kind(values[name].dtype, variable.dtype):
            raise RunError(
                f"{path} is of another model or optimizer: {name} should be "
                f"{variable.dtype.name}, but there is {values[name].dtype}"
            )


def _is_of_kind(found: np.dtype, wanted: tf.DType) -> bool:
    """Returns whether both are floats, or both integers, or both booleans."""
    kinds = {
        "f": wanted.is_floating,
        "i": wanted.is_integer and not wanted.is_unsigned,
        "u": wanted.is_unsigned,
        "b": wanted.is_bool,
    }
    return bool(kinds[found.kind])
