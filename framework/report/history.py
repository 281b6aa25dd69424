"""The record of a run: one row of metrics for each evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from framework.errors import RunError
from framework.numerics.metrics import direction
from framework.system import atomic, json_text
from framework.system.json_text import InvalidJsonError

Row = dict[str, float]


class History:
    """The metrics of all evaluations, in order; kept in a file, one JSON line each.

    Args:
        path: The file; what is in it is read.

    Raises:
        RunError: A line of the file is damaged.
    """

    def __init__(self, path: Path):
        self._path = path
        self.rows: list[Row] = _read(path)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> np.ndarray:
        """Returns a metric over all evaluations: float64 [evaluations]."""
        return np.array([row.get(name, np.nan) for row in self.rows], np.float64)

    @property
    def last_step(self) -> int | None:
        """After how many steps the last evaluation was; None before the first."""
        return self.rows[-1]["step"] if self.rows else None

    def append(self, step: int, metrics: Mapping[str, float]) -> None:
        """Adds an evaluation, to the file as well."""
        row = {"step": step, **metrics}
        atomic.append_line(self._path, json.dumps(row))
        self.rows.append(row)

    def cut_back(self, step: int) -> None:
        """Forgets evaluations after a step, from which the run goes on."""
        self.rows = [row for row in self.rows if row["step"] <= step]
        atomic.write_text(
            self._path, "".join(json.dumps(row) + "\n" for row in self.rows)
        )

    def best(self, name: str) -> Row | None:
        """Returns the row in which a metric is best, the first of equals; None if none.

        Of losses and errors the lowest is best, of all else the highest.
        """
        return next(iter(self._ranked(name)), None)

    def ranked(self, name: str, until: int | None = None) -> list[int]:
        """Returns the steps of the evaluations, that of the best first.

        Those in which the metric is not finite are left out, and so are those after
        the step `until`.
        """
        steps = [row["step"] for row in self._ranked(name)]
        return [step for step in steps if until is None or step <= until]

    def _ranked(self, name: str) -> list[Row]:
        rows = [row for row in self.rows if np.isfinite(row.get(name, np.nan))]
        return sorted(rows, key=lambda row: -direction(name) * row[name])


def _read(path: Path) -> list[Row]:
    """Returns the rows of a file, but for a last line that a crash left unfinished.

    Raises:
        RunError: Another line is not a row, or the file cannot be read.
    """
    try:
        content = atomic.read_bytes(path)
    except FileNotFoundError:
        return []
    except OSError as problem:
        raise RunError(f"{path} cannot be read: {problem.strerror}") from None
    rows: list[Row] = []
    for number, line, is_complete in json_text.lines(content):
        try:
            row = json_text.parse_record(line)
            if rows and row["step"] <= rows[-1]["step"]:
                raise InvalidJsonError(f"step {row['step']} is not after the last one")
        except InvalidJsonError as problem:
            if not is_complete:
                break
            raise RunError(
                f"{path}, line {number} is damaged ({problem}); repair it, or start "
                f"over with --fresh, which moves the run aside"
            ) from None
        rows.append(row)
    return rows
