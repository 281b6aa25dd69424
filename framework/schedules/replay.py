"""Shows what a controller would have done on the metrics of a run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from framework.errors import RunError, UsageError
from framework.schedules.algebra import Clock, Schedule
from framework.schedules.learning_rate import LearningRate


@dataclasses.dataclass(frozen=True)
class Observation:
    """An evaluation, and what came of it.

    Attributes:
        step: After how many steps it was made.
        value: What it found.
        scale: The product of the controllers' scales after it.
        learning_rate: Of the next step.
    """

    step: int
    value: float
    scale: float
    learning_rate: float


def read(path: str, monitor: str, steps_per_epoch: int) -> list[tuple[int, float]]:
    """Returns the steps and values of a metric in a file.

    Args:
        path: A run's metrics.jsonl, or a file with one number a line, which are taken
            to be of one epoch each. NaN and Infinity are numbers, too.
        monitor: The metric.
        steps_per_epoch: How far evaluations are apart that have no step of their own.

    Raises:
        UsageError: There is no such file, or no such metric in it.
        RunError: A line cannot be read.
    """
    try:
        lines = Path(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"replay: {path} cannot be read: {problem}") from None
    found = []
    for number, line in enumerate(filter(str.strip, lines), start=1):
        row = _parsed(line, f"{path}, line {number}")
        if isinstance(row, dict):
            if monitor not in row:
                names = ", ".join(name for name in row if name != "step")
                raise UsageError(
                    f"{path} has no {monitor!r}, which the schedule watches; it has "
                    f"{names}"
                )
            found.append((int(row.get("step", number * steps_per_epoch)), row[monitor]))
        else:
            found.append((number * steps_per_epoch, row))
    if not found:
        raise RunError(f"{path} holds no values")
    return [(step, float(value)) for step, value in found]


def replay(
    schedule: Schedule, peak: float, clock: Clock, values: Sequence[tuple[int, float]]
) -> list[Observation]:
    """Returns what a schedule would have made of evaluations.

    Args:
        schedule: With controllers, all of which are told the same values.
        peak: The rate that a multiplier of 1 stands for.
        clock: How time runs.
        values: (step, value) of each evaluation.
    """
    rate = LearningRate(peak, schedule, clock)
    monitors = {controller.monitor for controller in schedule.controllers()}
    observations = []
    for step, value in values:
        rate.observe(step, dict.fromkeys(monitors, value))
        observations.append(
            Observation(step, value, rate.scale(), float(rate(tf.constant(step))))
        )
    return observations


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
