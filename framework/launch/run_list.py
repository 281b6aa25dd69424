"""What the folders of runs say: their state, best and last numbers, and differences."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from framework.config import Config
from framework.config.durations import Duration
from framework.data import record as data_record
from framework.errors import RunError, UsageError
from framework.launch import run_folder
from framework.numerics.intervals import Estimate, paired_difference
from framework.report import predictions
from framework.report.history import History


@dataclasses.dataclass(frozen=True, eq=False)
class RunSummary:
    """A run, as far as its folder tells.

    Attributes:
        folder: The folder.
        config: Its configuration; None if it cannot be read.
        problem: Why something cannot be read; "" if all can.
        step: Optimizer steps at the last evaluation; 0 before the first.
        epoch: The same in epochs.
        total_steps: The length of the run; 0 before the first evaluation.
        best: The best value of the run's monitor; NaN if there is none.
        last: Its last value.
        is_inexact: Whether it was trained on a stream, whose order may differ.
    """

    folder: Path
    config: Config | None
    problem: str = ""
    step: int = 0
    epoch: float = 0.0
    total_steps: int = 0
    best: float = float("nan")
    last: float = float("nan")
    is_inexact: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether the run has its full length."""
        return 0 < self.total_steps <= self.step

    @property
    def monitor(self) -> str:
        """The metric of `best` and `last`."""
        return self.config.monitor if self.config else ""


def find(root: Path) -> list[Path]:
    """Returns the folders of runs in a folder and in the folders inside it, sorted.

    What is inside a run, such as the trials of its diagnosis, is not listed.

    Args:
        root: The folder to search; it may be a run itself.

    Raises:
        UsageError: There is no such folder.
    """
    if not root.is_dir():
        raise UsageError(f"there is no folder {root}")
    found, waiting = [], [root]
    while waiting:
        folder = waiting.pop()
        if (folder / "config.json").is_file():
            found.append(folder)
            continue
        try:
            children = sorted(folder.iterdir())
        except PermissionError:
            continue
        # Links could lead in circles.
        waiting += [
            child for child in children if child.is_dir() and not child.is_symlink()
        ]
    return sorted(found)


def summarize(folder: Path) -> RunSummary:
    """Reads a run; `problem` names what cannot be read."""
    try:
        config = run_folder.read_config(folder)
    except UsageError as problem:
        return RunSummary(folder, None, str(problem))
    try:
        history = History(folder / "metrics.jsonl")
    except RunError as problem:
        return RunSummary(folder, config, str(problem))
    if not len(history):
        return RunSummary(folder, config)
    row, best = history.rows[-1], history.best(config.monitor)
    nothing = float("nan")
    per_epoch = round(row["step"] / row["epoch"]) if row.get("epoch") else 0
    total = Duration.parse(config.train_for).steps(per_epoch) if per_epoch else 0
    return RunSummary(
        folder,
        config,
        step=int(row["step"]),
        epoch=row.get("epoch", 0.0),
        total_steps=total,
        best=best[config.monitor] if best else nothing,
        last=row.get(config.monitor, nothing),
        is_inexact=data_record.is_inexact(folder),
    )


def accuracy_difference(first: Path, second: Path) -> tuple[Estimate, int]:
    """Compares the last evaluations of two runs on the same validation images.

    Args:
        first: The folder of a run.
        second: That of another.

    Returns:
        The accuracy of the second less that of the first, with its 95 % interval over
        images, and the number of images. The interval does not cover the seed.

    Raises:
        UsageError: One has no predictions, or they are of other images.
    """
    pair = []
    for folder in (first, second):
        found = predictions.read_all(folder / "predictions")
        if not found:
            raise UsageError(f"{folder} has no predictions of an evaluation")
        pair.append(found[max(found)])
    one, other = pair
    if not np.array_equal(one.labels, other.labels):
        raise UsageError(
            f"{first} and {second} were evaluated on other validation images"
        )
    return paired_difference(other.is_correct, one.is_correct), len(one.labels)
