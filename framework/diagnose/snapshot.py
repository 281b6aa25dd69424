"""Reads the state of a run's folder at one moment, and changes nothing in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from absl import logging

from framework.config import Config
from framework.diagnose.report import stored
from framework.errors import UsageError
from framework.launch import run_folder
from framework.loop import checkpoint_files, nonfinite
from framework.loop.checkpoint_files import Checkpoint, CheckpointFiles
from framework.numerics.metrics import Predictions
from framework.report import predictions as predictions_lib
from framework.report.history import History, Row


@dataclasses.dataclass(frozen=True, eq=False)
class Snapshot:
    """The state of a run at one step; the run itself may be under way.

    Attributes:
        folder: The folder of the run.
        config: The configuration of the run.
        checkpoint: Its weights, and all else that a restart needs.
        rows: The metrics of the evaluations up to that step; none if the run has died
            before the first.
        predictions: Of the same evaluations.
        state: How far the run was, for diagnosis.json.
        is_best: Whether the weights are those of the best evaluation, for want of a
            later checkpoint.
        diverged_in: The step after that of the weights in which numbers were no longer
            finite, where training ended; 0 if there is none.
    """

    folder: Path
    config: Config
    checkpoint: Checkpoint
    rows: Sequence[Row]
    predictions: Sequence[Predictions]
    state: Mapping[str, int]
    is_best: bool
    diverged_in: int = 0

    @property
    def notice(self) -> str:
        """One line that says which weights these are."""
        step = f"step {self.checkpoint.step:,}"
        if not self.rows:
            return (
                f"training ended in step {self.diverged_in:,}, before its first "
                f"evaluation, because numbers were no longer finite: diagnosing the "
                f"weights of {step}"
            )
        if self.is_best:
            return (
                f"checkpoints/ holds no weights: diagnosing those of the best "
                f"evaluation, {step}, without the evaluations after it"
            )
        return f"diagnosing the weights of {step}"


def read(folder: Path) -> Snapshot:
    """Returns the latest state of a run that has an evaluation.

    A run that has died of numbers that are not finite needs none.

    Args:
        folder: The folder of the run; not changed, and not locked.

    Raises:
        UsageError: There is no run, or one without weights or evaluations.
        RunError: Its metrics or all its checkpoints are damaged, or its metrics are
            not those that the checkpoint belongs to.
    """
    config = run_folder.read_config(folder)
    files = CheckpointFiles(folder / "checkpoints", folder / "best")
    # The weights come first: a run under way writes the metrics before the weights.
    checkpoint, is_best = files.latest(), False
    history = History(folder / "metrics.jsonl")
    died_in = nonfinite.recorded_step(folder)
    if died_in and not history.rows:
        first = checkpoint or Checkpoint(0, folder, {})
        return Snapshot(
            folder, config, first, (), (), stored.run_state(()), False, died_in
        )
    if checkpoint is None:
        checkpoint, is_best = files.best_of(history.ranked(config.monitor)), True
    if checkpoint is None:
        raise UsageError(
            f"the run in {folder} has no weights, neither in checkpoints/ nor in "
            f"best/: put them back, or train it again with --fresh"
        )
    checkpoint_files.check_numbers(checkpoint.values, checkpoint.path)
    history.check_against(checkpoint.values)
    rows = [row for row in history.rows if row["step"] <= checkpoint.step]
    by_step = predictions_lib.read_all(folder / "predictions")
    missing = [int(row["step"]) for row in rows if row["step"] not in by_step]
    rows = [row for row in rows if row["step"] in by_step]
    if not rows:
        raise UsageError(
            f"the run in {folder} has no evaluation yet; wait for the first one"
        )
    if missing:
        logging.warning(
            "the evaluation(s) of step %s are left out: predictions/ lacks them",
            ", ".join(f"{step:,}" for step in missing),
        )
    predictions = [by_step[int(row["step"])] for row in rows]
    state = stored.run_state(history.rows)
    diverged_in = nonfinite.recorded_step(folder, checkpoint.step)
    return Snapshot(
        folder, config, checkpoint, rows, predictions, state, is_best, diverged_in
    )
