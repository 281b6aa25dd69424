"""The history of a run: a row of metrics for each evaluation."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from framework.errors import RunError, UsageError
from framework.numerics.metrics import direction
from framework.system import atomic, json_text
from framework.system.archive import Values
from framework.system.json_text import InvalidJsonError

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

Row = dict[str, float]

# The metric of `repr`, and the metrics of a plot.
MONITOR = "validation/accuracy"
CURVES = ("train/accuracy", MONITOR)

# Names of the arrays of a fingerprint.
_COUNT, _SHA256 = "history/rows", "history/sha256"


class History:
    """The metrics of all evaluations in order, stored in a file of JSON lines.

    Args:
        path: The file; its rows are read if it exists.

    Attributes:
        rows: A dictionary of metrics for each evaluation, with an integer "step".

    Raises:
        RunError: A line of the file is damaged.
    """

    def __init__(self, path: Path):
        self._path = path
        self.rows: list[Row] = _read(path)
        self._digest = _digest(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> np.ndarray:
        """Returns a metric of all evaluations, float64 [n]; NaN where it is missing."""
        return np.array([row.get(name, np.nan) for row in self.rows], np.float64)

    @property
    def last_step(self) -> int | None:
        """The step of the last evaluation; None before the first."""
        return _step(self.rows[-1]) if self.rows else None

    def append(self, step: int, metrics: Mapping[str, float]) -> None:
        """Adds an evaluation, also to the file.

        Args:
            step: Optimizer steps so far; greater than that of the last evaluation.
            metrics: Metrics by name.
        """
        row = {"step": step, **metrics}
        line = json.dumps(row)
        atomic.append_line(self._path, line)
        self._digest.update(line.encode())
        self.rows.append(row)

    def truncate(self, step: int) -> None:
        """Removes the evaluations after a step, also from the file."""
        self.rows = [row for row in self.rows if row["step"] <= step]
        atomic.write_text(
            self._path, "".join(json.dumps(row) + "\n" for row in self.rows)
        )
        self._digest = _digest(self.rows)

    def fingerprint(self) -> Values:
        """Returns the number of rows and their SHA-256, as arrays for a checkpoint.

        Returns:
            "history/rows", an int64 scalar, and "history/sha256", uint8 [32].
        """
        digest = np.frombuffer(self._digest.digest(), np.uint8)
        return {_COUNT: np.asarray(len(self.rows), np.int64), _SHA256: digest}

    def check_against(self, fingerprint: Mapping[str, np.ndarray]) -> None:
        """Checks that the rows before a checkpoint are unchanged.

        Args:
            fingerprint: The arrays of a checkpoint; older ones lack a fingerprint, and
                nothing is checked.

        Raises:
            RunError: Rows were lost or changed.
        """
        if problem := self.difference(fingerprint):
            raise RunError(
                f"{self._path} {problem}, compared with the checkpoint; restore the "
                f"file, or start over with --fresh, which moves the run aside"
            )

    def difference(self, fingerprint: Mapping[str, np.ndarray]) -> str:
        """Describes the difference of the rows from a checkpoint; "" if there is none.

        Args:
            fingerprint: See `check_against`.
        """
        if _SHA256 not in fingerprint:
            return ""
        count, digest = int(fingerprint[_COUNT]), fingerprint[_SHA256].tobytes()
        if len(self.rows) < count:
            return f"has {len(self.rows)} of {count} evaluations"
        if _digest(self.rows[:count]).digest() != digest:
            return f"has other numbers in its first {count} lines"
        return ""

    def best(self, name: str) -> Row | None:
        """Returns the first row with the best value of a metric; None if there is none.

        The lowest loss or error is best, and the highest value of other metrics.
        """
        return next(iter(self._ranked(name)), None)

    def ranked(self, name: str, until: int | None = None) -> list[int]:
        """Returns the steps of the evaluations, the best first.

        Args:
            name: The metric; evaluations where it is not finite are left out.
            until: The last step to include; None for all.
        """
        steps = [_step(row) for row in self._ranked(name)]
        return [step for step in steps if until is None or step <= until]

    def to_pandas(self) -> pandas.DataFrame:
        """Returns a table: a row for each evaluation, by its step.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise UsageError("to_pandas needs pandas: pip install pandas") from None
        frame = pandas.DataFrame(self.rows)
        return frame.set_index("step") if len(frame) else frame

    def plot(self, names: Sequence[str] = CURVES, axes: Axes | None = None) -> Axes:
        """Plots metrics over epochs with matplotlib; those that are missing are not.

        Args:
            names: The metrics; by default accuracy in training and validation.
            axes: Where to plot; by default a new figure.

        Returns:
            The axes.
        """
        from framework.report import curves

        return curves.plot(self, names, axes)

    def summary(self, name: str) -> str:
        """Returns a line with the best and the last value of a metric."""
        best = self.best(name)
        if best is None:
            return f"{len(self)} evaluations"
        last = self.rows[-1]
        return (
            f"{name} {best[name]:.4g} at its best (step {_step(best):,}), "
            f"{last.get(name, np.nan):.4g} at the last of {len(self)} evaluations "
            f"(step {_step(last):,})"
        )

    def html(self, name: str) -> str:
        """Returns HTML for notebooks: the curves of accuracy, and `summary`."""
        from framework.report import curves

        picture = curves.svg(self) if len(self) else ""
        return f"<p>{html.escape(self.summary(name))}</p>{picture}"

    def __repr__(self) -> str:
        return f"History({str(self._path)!r}: {self.summary(MONITOR)})"

    def _repr_html_(self) -> str:
        """Returns HTML for notebooks."""
        return self.html(MONITOR)

    def _ranked(self, name: str) -> list[Row]:
        rows = [row for row in self.rows if np.isfinite(row.get(name, np.nan))]
        return sorted(rows, key=lambda row: -direction(name) * row[name])


def _digest(rows: Iterable[Row]) -> hashlib._Hash:
    """Returns the SHA-256 of rows, independent of white space in their file."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row).encode())
    return digest


def _step(row: Row) -> int:
    return int(row["step"])


def _read(path: Path) -> list[Row]:
    """Reads the rows of a file; ignores an incomplete last line of a killed process.

    Raises:
        RunError: Another line is damaged, or the file cannot be read.
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
                raise InvalidJsonError(f"step {row['step']} does not increase")
        except InvalidJsonError as problem:
            if not is_complete:
                break
            raise RunError(
                f"{path}, line {number} is damaged ({problem}); repair it, or start "
                f"over with --fresh, which moves the run aside"
            ) from None
        rows.append(row)
    return rows
