"""Compares the files of a run with recomputed numbers of a stretch of its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from framework.launch import differences
from framework.launch.differences import Difference
from framework.launch.stretches import Stretch
from framework.loop import checkpoint_files
from framework.numerics.metrics import Predictions
from framework.report import predictions as predictions_lib
from framework.report.history import Row
from framework.system.archive import DamagedError, Values


class Comparison:
    """Compares the files of a run with the numbers of a recomputed stretch.

    Args:
        folder: The run's folder.
        stretch: The stretch.
        is_pending: Whether the checkpoint at the end was saved before its own
            evaluation, which may have been the last thing that the run did.

    Attributes:
        missing: The number of evaluations whose predictions are not kept.
    """

    def __init__(self, folder: Path, stretch: Stretch, is_pending: bool):
        self._folder = folder
        self._stretch = stretch
        self._is_pending = is_pending
        self.missing = 0

    def of_checkpoints(
        self, files: Mapping[Path, Values], expected: Mapping[Path, Values]
    ) -> list[Difference]:
        """Compares checkpoints; returns the first difference of each file.

        Args:
            files: Their arrays by file.
            expected: The recomputed arrays by file.
        """
        result = []
        for path, arrays in expected.items():
            if difference := differences.of_arrays(files[path], arrays):
                result.append(self._difference(path, *difference))
        return result

    def of_evaluations(
        self,
        rows: Sequence[Row],
        recomputed: Sequence[Row],
        predictions: Mapping[int, Predictions],
    ) -> list[Difference]:
        """Compares the lines of metrics.jsonl; returns the first difference.

        Args:
            rows: The lines of the run.
            recomputed: The recomputed ones, after those of before the stretch.
            predictions: The recomputed predictions by step.
        """
        start, end = self._stretch.start.step, self._stretch.end.step
        kept = {int(row["step"]): row for row in rows if start <= row["step"] <= end}
        by_step = {int(row["step"]): row for row in recomputed}
        if start not in predictions:
            kept.pop(start, None)
        is_last = all(row["step"] < end for row in rows)
        for step in sorted(kept.keys() | predictions.keys()):
            if step == end and self._is_pending and is_last:
                continue
            if detail := _of_evaluation(kept.get(step), by_step.get(step)):
                name, _, text = detail.rpartition(": ")
                return [Difference("metrics.jsonl", step, name, text)]
        return []

    def of_predictions(self, recomputed: Mapping[int, Predictions]) -> list[Difference]:
        """Compares the files of predictions; returns the first difference.

        Args:
            recomputed: The predictions of validation by step.
        """
        for step, predictions in recomputed.items():
            path = self._folder / "predictions" / checkpoint_files.file_name(step)
            if not path.exists():
                self.missing += 1
                continue
            try:
                kept = predictions_lib.read(path)
            except DamagedError as problem:
                return [self._difference(path, "", str(problem))]
            if difference := differences.of_predictions(kept, predictions):
                return [self._difference(path, *difference)]
        return []

    def _difference(self, path: Path, name: str, detail: str) -> Difference:
        file = str(path.relative_to(self._folder))
        return Difference(file, checkpoint_files.step_of(path), name, detail)


def _of_evaluation(kept: Row | None, recomputed: Row | None) -> str:
    """Returns the first metric that differs, and how; "" if none does."""
    if recomputed is None:
        return ": there is no evaluation at this step"
    if kept is None:
        return ": the line is missing"
    lines = differences.of_rows(kept, recomputed)
    more = f" (and {len(lines) - 1} more metrics)" if len(lines) > 1 else ""
    return f"{lines[0]}{more}" if lines else ""
