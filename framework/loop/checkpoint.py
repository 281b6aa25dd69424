"""Saves checkpoints while training continues, and restores them.

Only the process that holds the run's lock may create a `Checkpoints`, which deletes old
files. `framework.loop.checkpoint_files` only reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from pathlib import Path

import numpy as np
import tensorflow as tf

from framework.errors import RunError
from framework.loop import checkpoint_files
from framework.loop.checkpoint_files import (
    Checkpoint,
    CheckpointFiles,
    file_name,
    step_of,
)
from framework.system import archive, atomic
from framework.system.archive import Values

_NOTHING: Mapping[str, np.ndarray] = {}


class Checkpoints:
    """Saves and restores the checkpoints of a run.

    Variables are copied at once and written by a background thread, in the order of the
    calls. An error of the thread is raised by the next call, or by `raise_failure`.

    Args:
        folder: Folder of the latest checkpoints.
        best: Folder of the checkpoints of the best evaluations.
        variables: The variables to save and restore, by name.
        keep: The number of latest checkpoints to keep.
        keep_best: The number of best checkpoints to keep.

    Attributes:
        last: The step and the values to roll back to: those that were last saved, or
            chosen by `restore`.
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
        self._writes: list[tuple[int, futures.Future[None]]] = []
        self.last: tuple[int, Values] = (0, {})
        for parent in (folder, best):
            parent.mkdir(parents=True, exist_ok=True)
            for incomplete in parent.glob(f"*{atomic.SUFFIX}"):
                incomplete.unlink()

    def save(
        self,
        step: int,
        ranked: Sequence[int] = (),
        extra: Mapping[str, np.ndarray] = _NOTHING,
        keeps_earlier: bool = False,
    ) -> None:
        """Saves the variables as the latest checkpoint, and deletes old checkpoints.

        Args:
            step: The number of steps so far.
            ranked: The steps of all evaluations, the best first.
            extra: Arrays to store beside the variables, by other names.
            keeps_earlier: Whether to delete no earlier one of the latest checkpoints.
        """
        self.last = step, self._values()
        values = {**self.last[1], **extra}
        keep = None if keeps_earlier else self._keep
        self._write(step, self._write_latest, step, values, tuple(ranked), keep)

    def save_best(self, step: int, ranked: Sequence[int]) -> None:
        """Saves the variables if the evaluation is among the best so far.

        Args:
            step: The number of steps so far.
            ranked: The steps of all evaluations, the best first.
        """
        if step in ranked[: self._keep_best]:
            path = self._files.best / file_name(step)
            self._write(step, archive.write, path, step, self._values())

    def raise_failure(self) -> None:
        """Raises the error of a completed write, if any; does not wait.

        Raises:
            OSError: A file could not be written, for example because the disk is full.
        """
        while self._writes and self._writes[0][1].done():
            self._writes.pop(0)[1].result()

    def wait(self) -> None:
        """Waits until all checkpoints are written.

        Raises:
            OSError: A file could not be written, for example because the disk is full.
        """
        while self._writes:
            self._writes.pop(0)[1].result()

    def close(self) -> None:
        """Waits until all writes are done or have failed, and ends the thread."""
        self._writer.shutdown()

    def roll_back(self) -> int:
        """Sets the variables to the values of `last`.

        Returns:
            The step of those values.
        """
        step, values = self.last
        for name, variable in self._variables.items():
            variable.assign(values[name])
        return step

    def restore_best(self, prefixes: tuple[str, ...], ranked: Sequence[int]) -> None:
        """Sets some variables to their values at the best evaluation, if there is one.

        Args:
            prefixes: Prefixes of the names of those variables.
            ranked: The steps of all evaluations, the best first.

        Raises:
            RunError: The best checkpoint cannot be read.
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

    def check(self) -> Checkpoint | None:
        """Checks that the latest checkpoint fits the model; changes nothing.

        Returns:
            The latest checkpoint; None if there is none.

        Raises:
            RunError: It is of another model or optimizer, or has weights that are NaN;
                no checkpoint is readable; or something else than a file has the name
                of one.
        """
        for path in self._files.paths():
            if not atomic.is_replaceable(path):
                raise RunError(
                    f"{path} is not a file, and would be in the way of a checkpoint; "
                    f"move it, or start over with --fresh"
                )
        latest = self._files.latest()
        if latest is None:
            return None
        required = checkpoint_files.must_match(self._variables)
        checkpoint_files.check(required, latest.values, latest.path)
        checkpoint_files.check_numbers(latest.values, latest.path)
        return latest

    def restore(
        self, rolls_back_to: Callable[[int], bool] = lambda step: True
    ) -> int | None:
        """Sets the variables to the values of the latest checkpoint.

        Skips unreadable checkpoints with a warning.

        Args:
            rolls_back_to: Whether a run may roll back to the checkpoint of a step. An
                uninterrupted run does not have one that a signal has caused.

        Returns:
            The step of the checkpoint; None if there is none.

        Raises:
            RunError: No checkpoint is readable, or it is of another model.
        """
        latest = self._files.latest()
        step = latest.step if latest else 0
        target = latest
        if latest and not rolls_back_to(step):
            target = self._files.latest_of(rolls_back_to) or latest
        self._assign(target)
        self.last = target.step if target else 0, self._values()
        if target is not latest:
            self._assign(latest)
        # Later best checkpoints are of steps that this run will repeat.
        for path in checkpoint_files.checkpoint_paths(self._files.best):
            if step_of(path) > step:
                path.unlink()
        return latest.step if latest else None

    def _assign(self, checkpoint: Checkpoint | None) -> None:
        if checkpoint:
            checkpoint_files.assign(self._variables, checkpoint.values, checkpoint.path)

    def _values(self) -> Values:
        """Returns a copy of the variables in the host's memory."""
        return {name: variable.numpy() for name, variable in self._variables.items()}

    def _write(self, step: int, function: Callable[..., None], *args: object) -> None:
        """Calls a function in the writer thread, after the writes of earlier steps."""
        if any(earlier != step for earlier, _ in self._writes):
            self.wait()
        self._writes.append((step, self._writer.submit(function, *args)))

    def _write_latest(
        self, step: int, values: Values, ranked: Sequence[int], keep: int | None
    ) -> None:
        folder = self._files.folder
        archive.write(folder / file_name(step), step, values)
        paths = checkpoint_files.checkpoint_paths(folder)
        # A later one is damaged, or the run would have resumed from it.
        earlier = [path for path in paths if step_of(path) <= step]
        for path in earlier[:-keep] if keep else []:
            path.unlink()
        # Only now: a run killed earlier would have resumed from the checkpoint before,
        # and needed these.
        for path in self._files.by_rank(ranked)[self._keep_best :]:
            path.unlink()
