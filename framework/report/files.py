"""What each example was taken for, and how long all took, as files."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np

from framework.report import Report


class Files(Report):
    """Keeps the validation predictions of each evaluation, and the run's timing.

    Seconds are apart from the metrics, which are then the same in each repetition.

    Args:
        workdir: The run's folder.
        batch_size: Images per step.
    """

    def __init__(self, workdir: Path, batch_size: int):
        self._folder = workdir / "predictions"
        self._timing = workdir / "timing.jsonl"
        self._batch_size = batch_size
        self._folder.mkdir(exist_ok=True)

    def started(self, step):
        """See base class."""
        for path in self._folder.glob("step-*.npz"):
            if int(path.stem.removeprefix("step-")) > step:
                path.unlink()
        self._begun = self._since = time.perf_counter()
        self._first = self._trained = step

    def advanced(self, step):
        """See base class."""
        self._last_advance = time.perf_counter()

    def logged(self, step, metrics):
        """See base class."""

    def evaluated(self, step, metrics, predictions):
        """See base class."""
        path = self._folder / f"step-{step:08d}.npz"
        found = predictions["validation"]
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
        self._write_timing(step)

    def finished(self, step):
        """See base class."""

    def _write_timing(self, step: int) -> None:
        now = time.perf_counter()
        training = self._last_advance - self._since
        images = (step - self._trained) * self._batch_size
        line = {
            "step": step,
            "seconds": round(now - self._begun, 3),
            "train_seconds": round(training, 3),
            "evaluate_seconds": round(now - self._last_advance, 3),
            "images_per_second": round(images / training, 1),
        }
        with self._timing.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self._since, self._trained = now, step
