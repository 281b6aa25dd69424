"""The predictions of each evaluation, and how long all took, as files."""

from __future__ import annotations

import json
from pathlib import Path

from absl import logging

from framework.report import predictions as predictions_lib
from framework.report.base import Report
from framework.report.timing import Timing
from framework.system import atomic, json_text
from framework.system.json_text import InvalidJsonError


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
        self._timed: set[float] = set()
        self._folder.mkdir(exist_ok=True)

    def started(self, step):
        """See base class."""
        predictions_lib.cut_back(self._folder, step)
        kept = [line for line in read_timing(self._path) if line["step"] <= step]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        atomic.write_text(self._path, text)
        self._timed = {line["step"] for line in kept}

    def advanced(self, step, seconds):
        """See base class."""

    def logged(self, step, metrics):
        """See base class."""

    def evaluated(self, step, metrics, predictions):
        """See base class."""
        predictions_lib.write(self._folder, step, predictions["validation"])
        if step in self._timed:
            # An evaluation is rerun whose process was killed after it.
            return
        line = {
            "step": step,
            "seconds": round(self._timing.total, 3),
            "train_seconds": round(self._timing.training, 3),
            "images_per_second": round(self._timing.images_per_second, 1),
        }
        atomic.append_line(self._path, json.dumps(line))

    def finished(self, step):
        """See base class."""

    def stopped(self):
        """See base class."""


def read_timing(path: Path) -> list[dict[str, float]]:
    """Returns the lines of a timing.jsonl, each with an integer "step".

    No run depends on it: lines that are damaged are left out, with a warning.

    Args:
        path: The file; it need not exist.
    """
    try:
        content = atomic.read_bytes(path)
    except FileNotFoundError:
        return []
    found, damaged = [], []
    for number, line, is_complete in json_text.lines(content):
        try:
            found.append(json_text.parse_record(line))
        except InvalidJsonError as problem:
            # A killed process leaves half a last line.
            if is_complete:
                damaged.append(f"line {number}: {problem}")
    if damaged:
        logging.warning(
            "%s: %d damaged line(s) left out (%s)", path, len(damaged), damaged[0]
        )
    return found
