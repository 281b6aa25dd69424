"""Saves what a restart needs while training continues, and restores it.

Only the process that holds the run's lock makes a `Checkpoints`: it deletes what is no
longer needed. `framework.loop.checkpoint_files` reads without changing anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from pathlib import Path

import tensorflow as tf

from framework.loop import checkpoint_files
from framework.loop.checkpoint_files import CheckpointFiles, file_name, step_of
from framework.system import archive, atomic
from framework.system.archive import Values


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
        self._files = CheckpointFiles(folder, best)
        self._variables = variables
        self._keep = keep
        self._keep_best = keep_best
        self._writer = futures.ThreadPoolExecutor(1, "checkpoints")
        self._writes: list[tuple[int, futures.Future]] = []
        self.kept: tuple[int, Values] = (0, {})
        for place in (folder, best):
            place.mkdir(parents=True, exist_ok=True)
            for left_over in place.glob(f"*{atomic.SUFFIX}"):
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
            path = self._files.best / file_name(step)
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
        for path in self._files.by_rank(ranked)[:1]:
            values = archive.read(path)
            chosen = {
                name: values[name] for name in values if name.startswith(prefixes)
            }
            checkpoint_files.assign(variables, chosen, path)

    def check(self) -> int | None:
        """Refuses checkpoints of another model or optimizer, and changes nothing.

        Returns:
            The step of the latest checkpoint; None if there is none.

        Raises:
            RunError: Such checkpoints, or none that can be read.
        """
        latest = self._files.latest()
        if latest is None:
            return None
        known = checkpoint_files.must_match(self._variables)
        checkpoint_files.check(known, latest.values, latest.path)
        return latest.step

    def restore(self) -> int | None:
        """Sets the variables to the values of the latest checkpoint.

        One that cannot be read is passed over, with a warning.

        Returns:
            The step of the checkpoint; None if there is none.

        Raises:
            RunError: None can be read, or they are of another model.
        """
        latest = self._files.latest()
        step = latest.step if latest else 0
        if latest:
            checkpoint_files.assign(self._variables, latest.values, latest.path)
        self.kept = step, self._values()
        # Of a future that this run has not had.
        for path in checkpoint_files.checkpoint_paths(self._files.best):
            if step_of(path) > step:
                path.unlink()
        return latest.step if latest else None

    def _values(self) -> Values:
        """Returns a copy of the variables in the host's memory."""
        return {name: variable.numpy() for name, variable in self._variables.items()}

    def _write(self, step: int, function: Callable[..., None], *args: object) -> None:
        """Has the writer call a function, when those of earlier steps are done."""
        if any(earlier != step for earlier, _ in self._writes):
            self.wait()
        self._writes.append((step, self._writer.submit(function, *args)))

    def _write_latest(self, step: int, values: Values, ranked: Sequence[int]) -> None:
        folder = self._files.folder
        archive.write(folder / file_name(step), step, values)
        for path in checkpoint_files.checkpoint_paths(folder)[: -self._keep]:
            path.unlink()
        # Until now a killed run would have resumed from before the newest best ones.
        for path in self._files.by_rank(ranked)[self._keep_best :]:
            path.unlink()
