"""Reads the weights of a run from its checkpoints."""

from __future__ import annotations

from pathlib import Path

from framework.config import Config
from framework.errors import RunError, UsageError
from framework.loop import checkpoint_files
from framework.loop.checkpoint_files import Checkpoint, CheckpointFiles
from framework.report.history import History

WEIGHTS = ("best", "last")


def read(run: Path, config: Config, weights: str) -> Checkpoint:
    """Reads the best or the last weights of a run.

    Args:
        run: The folder of the run, which may still be training.
        config: Its configuration.
        weights: One of `WEIGHTS`; "best" is by the run's `--monitor`.

    Raises:
        UsageError: There are none.
        RunError: They are damaged, or not those that the metrics are of.
    """
    if weights not in WEIGHTS:
        raise UsageError(f"{weights!r} is not one of {', '.join(WEIGHTS)}")
    files = CheckpointFiles(run / "checkpoints", run / "best")
    checkpoint = files.latest()
    history = History(run / "metrics.jsonl")
    history.check_against(checkpoint.values if checkpoint else {})
    if weights == "best":
        ranked = history.ranked(config.monitor)
        checkpoint = files.best_of(ranked) if ranked else None
        if checkpoint and checkpoint.step != ranked[0]:
            raise RunError(
                f"{files.best} lacks the weights of the best evaluation, step "
                f"{ranked[0]:,}; restore them, or use --weights=last"
            )
    if checkpoint is None:
        raise UsageError(
            f"the run in {run} has no {weights} weights; train it until an evaluation"
        )
    checkpoint_files.check_numbers(checkpoint.values, checkpoint.path)
    return checkpoint
