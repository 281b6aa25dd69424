"""Report to files: the predictions of each evaluation, and timing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from absl import logging

from framework.numerics.metrics import Predictions
from framework.report import predictions as predictions_lib
from framework.report.base import Report
from framework.report.timing import Timing
from framework.system import atomic, json_text
from framework.system.json_text import InvalidJsonError


class Files(Report):
    """Writes the validation predictions of each evaluation, and the run's timing.

    Timing is in a file of its own, so that repeated runs have identical metrics files.

    Args:
        workdir: The run's folder.
        timing: The run's timing.
    """

    def __init__(self, workdir: Path, timing: Timing):
        self._folder = workdir / "predictions"
        self._path = workdir / "timing.jsonl"
        self._timing = timing
        self._timed: set[float] = set()
        self._folder.mkdir(exist_ok=True)

    def started(self, step: int) -> None:
        """See base class."""
        predictions_lib.truncate(self._folder, step)
        records = [row for row in read_timing(self._path) if row["step"] <= step]
        text = "".join(json.dumps(record) + "\n" for record in records)
        atomic.write_text(self._path, text)
        self._timed = {record["step"] for record in records}

    def evaluated(
        self,
        step: int,
        metrics: Mapping[str, float],
        predictions: Mapping[str, Predictions],
    ) -> None:
        """See base class."""
        predictions_lib.write(self._folder, step, predictions["validation"])
        if step in self._timed:
            # This is a rerun of an evaluation whose process was killed after it.
            return
        record = {
            "step": step,
            "seconds": round(self._timing.total, 3),
            "train_seconds": round(self._timing.training, 3),
            "images_per_second": round(self._timing.images_per_second, 1),
        }
        atomic.append_line(self._path, json.dumps(record))


def total_seconds(records: Iterable[Mapping[str, float]]) -> float:
    """Returns the seconds of a run, over all its resumptions.

    Args:
        records: Of timing.jsonl, in order; "seconds" starts at 0 after a resumption.

    Example:
        >>> total_seconds([{"seconds": 4.0}, {"seconds": 6.0}, {"seconds": 3.0}])
        9.0
    """
    total, before = 0.0, 0.0
    for record in records:
        now = record.get("seconds", 0.0)
        total += now - before if now >= before else now
        before = now
    return total


def read_timing(path: Path) -> list[dict[str, float]]:
    """Reads the records of a timing.jsonl, each with an integer "step".

    Damaged lines are left out with a warning, because no run depends on them.

    Args:
        path: The file; it need not exist.
    """
    try:
        content = atomic.read_bytes(path)
    except FileNotFoundError:
        return []
    records, damaged = [], []
    for number, line, is_complete in json_text.lines(content):
        try:
            records.append(json_text.parse_record(line))
        except InvalidJsonError as problem:
            # A killed process leaves an incomplete last line.
            if is_complete:
                damaged.append(f"line {number}: {problem}")
    if damaged:
        logging.warning(
            "%s: %d damaged line(s) left out (%s)", path, len(damaged), damaged[0]
        )
    return records
