"""Previews a learning-rate schedule, or replays it on the metrics of a run.

whyflat schedule 'warmup(5%) + cosine' --learning_rate=.1
whyflat schedule 'plateau(patience=3)' --replay=runs/a/metrics.jsonl
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags

from framework import schedules
from framework.config import command, experiment
from framework.errors import UsageError
from framework.launch import families
from framework.schedules import preview, replay
from framework.system import atomic, paths

_RATE = flags.DEFINE_float(
    "learning_rate",
    1.0,
    "Base learning rate, such as 0.1, which the schedule multiplies.",
)
_STEPS = flags.DEFINE_integer(
    "total_steps",
    0,
    "Length of the run in optimizer steps, such as 5000; 0 for 1000, doubled until the "
    "schedule fits.",
)
_EPOCH = flags.DEFINE_integer(
    "steps_per_epoch", 100, "Optimizer steps per epoch, such as 45."
)
_CSV = flags.DEFINE_bool(
    "csv", False, "Print a table of step and learning rate as CSV instead of a plot."
)
_PNG = flags.DEFINE_string(
    "png", "", "PNG file to write a figure to, such as schedule.png."
)
_REPLAY = flags.DEFINE_string(
    "replay",
    "",
    "File of metrics that the schedule reacts to: a run's metrics.jsonl, or one number "
    "per line, such as runs/digits-cnn-1/metrics.jsonl.",
)
_EXPERIMENT = command.define_experiment()


def show(arguments: list[str]) -> None:
    """Prints a preview or a replay of a schedule, or help.

    Args:
        arguments: The arguments that are not flags: one schedule.
    """
    if len(arguments) != 1:
        raise UsageError("give one schedule, as in 'warmup(5%) + cosine'")
    if text := families.answer("schedule", arguments[0]):
        print(text)
        return
    if _STEPS.value < 0 or _EPOCH.value < 1 or not _RATE.value > 0:
        raise UsageError(
            "learning_rate, total_steps and steps_per_epoch must be positive"
        )
    if _EXPERIMENT.value:
        experiment.load(_EXPERIMENT.value)
    schedule = schedules.build(arguments[0])
    clock = schedules.Clock(
        _STEPS.value or preview.fitting(schedule, _EPOCH.value), _EPOCH.value
    )
    if _REPLAY.value:
        _replay(schedule, clock)
        return
    values = preview.rates(schedule, _RATE.value, clock)
    if _PNG.value:
        png = Path(paths.expand(_PNG.value, "--png"))
        atomic.write_bytes(png, preview.to_png(values, arguments[0]))
    if _CSV.value:
        print(preview.to_csv(values), end="")
    else:
        print(preview.plot(values))
        print(preview.summary(values))


def _replay(schedule: schedules.Schedule, clock: schedules.Clock) -> None:
    """Prints the changes of the schedule's scale in reaction to recorded metrics."""
    monitors = [controller.monitor for controller in schedule.controllers()]
    if not monitors:
        raise UsageError(
            "--replay needs a schedule that reacts to metrics, such as plateau; this "
            "one has none"
        )
    path = paths.expand(_REPLAY.value, "--replay")
    values = replay.read_metrics(path, monitors, clock.steps_per_epoch)
    reactions = replay.replay(schedule, _RATE.value, clock, values)
    if _CSV.value:
        print("step,value,scale,learning_rate")
        for row in reactions:
            print(f"{row.step},{row.value},{row.scale:.9g},{row.learning_rate:.9g}")
        return
    before = 1.0
    for number, row in enumerate(reactions, start=1):
        if row.scale != before:
            print(
                f"evaluation {number} (step {row.step:,}, value {row.value:.6g}): "
                f"scale {before:.4g} -> {row.scale:.4g}"
            )
        before = row.scale
    print(f"{len(reactions)} evaluations, scale {before:.4g} at the end")


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    command.run(show, argv)
