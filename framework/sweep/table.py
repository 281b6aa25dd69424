"""The result of a sweep: a row for each trial, as text and as CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from framework.numerics import intervals
from framework.numerics.intervals import Estimate
from framework.numerics.metrics import direction
from framework.system.printable import printable

COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
STATES = (COMPLETE, PRUNED, FAILED)


@dataclasses.dataclass(frozen=True)
class Row:
    """A finished trial.

    Attributes:
        number: Of the trial, from 0.
        state: "complete", "pruned" or "failed".
        values: By parameter.
        metrics: The metric of the last evaluation with each seed that was trained.
        seconds: How long its runs have trained.
        folder: Of its runs.
        problem: Why it failed; else "".
    """

    number: int
    state: str
    values: Mapping[str, Any]
    metrics: tuple[float, ...]
    seconds: float
    folder: str
    problem: str = ""

    @property
    def estimate(self) -> Estimate:
        """The mean over seeds with its 95 % interval; NaN if none was trained."""
        if not self.metrics:
            return Estimate(math.nan, -math.inf, math.inf)
        return intervals.mean(self.metrics)


def ranked(rows: Sequence[Row], monitor: str) -> list[Row]:
    """Returns the rows, the best first; those that are not complete come last.

    Args:
        rows: The rows.
        monitor: The metric.
    """
    sign = direction(monitor)

    def key(row: Row) -> tuple[int, float, int]:
        value = sign * row.estimate.value
        place = -value if math.isfinite(value) else math.inf
        return STATES.index(row.state), place, row.number

    return sorted(rows, key=key)


def page(rows: Sequence[Row], monitor: str) -> str:
    """Returns the table as text, the best first.

    Args:
        rows: The rows.
        monitor: The metric.
    """
    seeds = max((len(row.metrics) for row in rows), default=1)
    over = f", mean of {seeds} seeds +- 95 %" if seeds > 1 else ""
    names = list(rows[0].values) if rows else []
    lines = [["trial", f"{monitor}{over}", *names, "seconds", "state"]]
    for row in ranked(rows, monitor):
        values = [shown(row.values[name]) for name in names]
        state = f"{row.state}: {row.problem}" if row.problem else row.state
        if row.state == PRUNED and len(row.metrics) < seeds:
            state = f"{row.state}, {len(row.metrics)} of {seeds} seeds"
        numbers = [f"{row.number}", _interval(row.estimate)]
        lines.append([*numbers, *values, f"{row.seconds:.1f}", printable(state)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def as_csv(rows: Sequence[Row], monitor: str) -> str:
    """Returns the table as CSV, by number; empty cells for what was not measured.

    Args:
        rows: The rows.
        monitor: The metric.
    """
    names = list(rows[0].values) if rows else []
    seeds = max((len(row.metrics) for row in rows), default=0)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    of_seeds = [f"{monitor}[{place}]" for place in range(seeds)]
    head = ["trial", "state", *names, monitor, "low", "high", *of_seeds]
    writer.writerow([*head, "seconds", "folder", "problem"])
    for row in sorted(rows, key=lambda row: row.number):
        mean = row.estimate
        numbers = [mean.value, mean.low, mean.high, *row.metrics]
        cells = [repr(each) if math.isfinite(each) else "" for each in numbers]
        cells += [""] * (seeds - len(row.metrics))
        values = [row.values[name] for name in names]
        end = [f"{row.seconds:.1f}", row.folder, row.problem]
        writer.writerow([row.number, row.state, *values, *cells, *end])
    return file.getvalue()


def shown(value: Any) -> str:
    """Returns the value of a parameter for people.

    >>> shown(0.00123456), shown("cosine"), shown("")
    ('0.001235', 'cosine', 'none')
    """
    if isinstance(value, float):
        return f"{value:.4g}"
    return printable(f"{value}") or "none"


def _interval(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "-"
    if math.isinf(estimate.high):
        return f"{estimate.value:.4f}"
    return f"{estimate.value:.4f} +- {estimate.high - estimate.value:.4f}"
