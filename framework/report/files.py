"""What each example was taken for, and how long all took, as files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from framework import atomic
from framework.metrics import Predictions
from framework.report.base import Report
from framework.report.timing import Timing


class Files(Report):
    """Keeps the validation predictions of each evaluation, and the run's timing.

    Seconds are apart from the metrics, which are then the same in each repetition.

    Args:
        workdir: The run's folder.
        timing: The run's clock.
    """

    def __init__(self, workdir: Path, timing: Timing):
        self._folder = workdir / "predictions"
        self._path = workdir / "timing.jsonl"
        self._timing = timing
        self._folder.mkdir(exist_ok=True)

    def started(self, step):
        """See base class."""
        for path in self._folder.glob("step-*.npz"):
            if int(path.stem.removeprefix("step-")) > step:
                path.unlink()
        if self._path.exists():
            lines = self._path.read_text().splitlines(keepends=True)
            kept = [line for line in lines if _step(line) <= step]
            atomic.write_text(self._path, "".join(kept))

    def advanced(self, step, seconds):
        """See base class."""

    def logged(self, step, metrics):
        """See base class."""

    def evaluated(self, step, metrics, predictions):
        """See base class."""
        write_predictions(self._folder, step, predictions["validation"])
        self._write_timing(step)

    def finished(self, step):
        """See base class."""

    def _write_timing(self, step: int) -> None:
        line = {
            "step": step,
            "seconds": round(self._timing.total, 3),
            "train_seconds": round(self._timing.training, 3),
            "images_per_second": round(self._timing.images_per_second, 1),
        }
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def write_predictions(folder: Path, step: int, found: Predictions) -> None:
    """Writes what each example was taken for, all of it or nothing.

    Args:
        folder: Where to; it exists.
        step: How many steps have been done, which gives the file its name.
        found: Of an evaluation.
    """
    path = folder / f"step-{step:08d}.npz"
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            np.savez(
                file,
                labels=found.labels,
                predicted=found.predicted,
                confidence=found.confidence,
                losses=found.losses,
            )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _step(line: str) -> float:
    """Returns the step of a line of timing; infinity if a crash cut it off."""
    try:
        return json.loads(line)["step"]
    except ValueError:
        return float("inf")
