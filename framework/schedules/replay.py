"""Replays a schedule's controllers on recorded metrics."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from framework.errors import RunError, UsageError
from framework.schedules.algebra import Clock, Schedule
from framework.schedules.learning_rate import LearningRate
from framework.system import atomic


@dataclasses.dataclass(frozen=True)
class Observation:
    """The effect of one evaluation.

    Attributes:
        step: The number of steps completed before the evaluation.
        value: The metric that the first controller observes.
        scale: The product of the controllers' scales after the evaluation.
        learning_rate: The learning rate of the next step.
    """

    step: int
    value: float
    scale: float
    learning_rate: float


def read_metrics(
    path: str, monitors: Collection[str], steps_per_epoch: int
) -> list[tuple[int, dict[str, float]]]:
    """Reads (step, metrics) of each evaluation from a file.

    Args:
        path: A run's metrics.jsonl, or a file with one number a line, one for each
            epoch. NaN and Infinity are allowed.
        monitors: The metrics to read; a number without a name is the value of each.
        steps_per_epoch: Steps between evaluations, for lines without a step.

    Raises:
        UsageError: The file does not exist, or has no such metric.
        RunError: A line cannot be parsed.
    """
    try:
        lines = atomic.read_bytes(Path(path)).decode().splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"replay: {path} cannot be read: {problem}") from None
    evaluations: list[tuple[int, dict[str, float]]] = []
    for number, line in enumerate(filter(str.strip, lines), start=1):
        row = _parse_line(line, f"{path}, line {number}")
        step = number * steps_per_epoch
        if isinstance(row, dict):
            evaluations.append(_select_metrics(row, monitors, step, path))
        else:
            evaluations.append((step, dict.fromkeys(monitors, row)))
    if not evaluations:
        raise RunError(
            f"{path} holds no values; give a metrics.jsonl or one number per line"
        )
    return evaluations


def replay(
    schedule: Schedule,
    peak: float,
    clock: Clock,
    values: Sequence[tuple[int, Mapping[str, float]]],
) -> list[Observation]:
    """Runs a schedule on recorded evaluations.

    Args:
        schedule: A schedule with at least one controller.
        peak: The learning rate at a multiplier of 1.
        clock: Converts lengths to steps.
        values: (step, metrics) of each evaluation.
    """
    rate = LearningRate(peak, schedule, clock)
    first = next(schedule.controllers()).monitor
    observations = []
    for step, metrics in values:
        rate.observe(step, metrics)
        next_rate = float(rate(tf.constant(step)))
        observations.append(Observation(step, metrics[first], rate.scale(), next_rate))
    return observations


def _select_metrics(
    row: dict[str, Any], monitors: Collection[str], step: int, path: str
) -> tuple[int, dict[str, float]]:
    """Returns the step of a row, or the given one, and the observed metrics."""
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


def _parse_line(line: str, place: str) -> float | dict[str, Any]:
    """Parses a line that holds a number or a JSON object."""
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
