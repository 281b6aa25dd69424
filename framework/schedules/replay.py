"""Shows what a controller would have done on the metrics of a run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from framework.errors import RunError, UsageError
from framework.schedules.algebra import Clock, Schedule
from framework.schedules.learning_rate import LearningRate
from framework.system import atomic


@dataclasses.dataclass(frozen=True)
class Observation:
    """An evaluation, and what came of it.

    Attributes:
        step: After how many steps it was made.
        value: Of the metric that the first controller watches.
        scale: The product of the controllers' scales after it.
        learning_rate: Of the next step.
    """

    step: int
    value: float
    scale: float
    learning_rate: float


def read(
    path: str, monitors: Collection[str], steps_per_epoch: int
) -> list[tuple[int, dict[str, float]]]:
    """Returns the steps of a file, and at each the values of some metrics.

    Args:
        path: A run's metrics.jsonl, or a file with one number a line, which are taken
            to be of one epoch each. NaN and Infinity are numbers, too.
        monitors: The metrics; a number without a name is the value of them all.
        steps_per_epoch: How far evaluations are apart that have no step of their own.

    Raises:
        UsageError: There is no such file, or no such metric in it.
        RunError: A line cannot be read.
    """
    try:
        lines = atomic.read_bytes(Path(path)).decode().splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"replay: {path} cannot be read: {problem}") from None
    found = []
    for number, line in enumerate(filter(str.strip, lines), start=1):
        row = _parsed(line, f"{path}, line {number}")
        if isinstance(row, dict):
            found.append(_picked(row, monitors, number * steps_per_epoch, path))
        else:
            found.append((number * steps_per_epoch, dict.fromkeys(monitors, row)))
    if not found:
        raise RunError(f"{path} holds no values")
    return found


def replay(
    schedule: Schedule,
    peak: float,
    clock: Clock,
    values: Sequence[tuple[int, Mapping[str, float]]],
) -> list[Observation]:
    """Returns what a schedule would have made of evaluations.

    Args:
        schedule: With controllers.
        peak: The rate that a multiplier of 1 stands for.
        clock: How time runs.
        values: (step, metrics) of each evaluation.
    """
    rate = LearningRate(peak, schedule, clock)
    first = next(schedule.controllers()).monitor
    observations = []
    for step, metrics in values:
        rate.observe(step, metrics)
        now = float(rate(tf.constant(step)))
        observations.append(Observation(step, metrics[first], rate.scale(), now))
    return observations


def _picked(
    row: dict, monitors: Collection[str], step: int, path: str
) -> tuple[int, dict[str, float]]:
    """Returns the step of a row, and the metrics that are watched."""
    for monitor in monitors:
        if monitor not in row:
            names = ", ".join(name for name in row if name != "step")
            raise UsageError(
                f"{path} has no {monitor!r}, which the schedule watches; it has {names}"
            )
    try:
        values = {monitor: float(row[monitor]) for monitor in monitors}
        return int(row.get("step", step)), values
    except (TypeError, ValueError) as problem:
        raise RunError(f"{path}: a row cannot be read: {problem}") from None


def _parsed(line: str, place: str) -> float | dict:
    """Returns the number or the row of a line."""
    text = line.strip().rstrip(",")
    try:
        return float(text)
    except ValueError:
        pass
    try:
        row = json.loads(text)
    except json.JSONDecodeError:
        row = None
    if not isinstance(row, dict):
        raise RunError(f"{place}: expected a number or a JSON object, not {line!r}")
    return row
