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

_RATE = flags.DEFINE_float("learning_rate", 1.0, "What a multiplier of 1 stands for.")
_STEPS = flags.DEFINE_integer("total_steps", 1000, "How many steps the run takes.")
_EPOCH = flags.DEFINE_integer("steps_per_epoch", 100, "How many make an epoch.")
_CSV = flags.DEFINE_bool("csv", False, "Print a line for every step, no picture.")
_PNG = flags.DEFINE_string("png", "", "Write a figure to this file.")
_REPLAY = flags.DEFINE_string(
    "replay", "", "A metrics.jsonl, or a file of one value a line, to react to."
)
_EXPERIMENT = command.define_experiment()


def show(arguments: list[str]) -> None:
    """Does what the command line says."""
    if len(arguments) != 1:
        raise UsageError("give one schedule, as in 'warmup(5%) + cosine'")
    if text := families.answer("schedule", arguments[0]):
        print(text)
        return
    if _STEPS.value < 1 or _EPOCH.value < 1 or not _RATE.value > 0:
        raise UsageError(
            "learning_rate, total_steps and steps_per_epoch must be positive"
        )
    if _EXPERIMENT.value:
        experiment.load(_EXPERIMENT.value)
    schedule = schedules.build(arguments[0])
    clock = schedules.Clock(_STEPS.value, _EPOCH.value)
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
    """Prints when the schedule would have changed its scale."""
    monitors = [controller.monitor for controller in schedule.controllers()]
    if not monitors:
        raise UsageError("this schedule has no part that reacts to metrics")
    path = paths.expand(_REPLAY.value, "--replay")
    values = replay.read_metrics(path, monitors, clock.steps_per_epoch)
    found = replay.replay(schedule, _RATE.value, clock, values)
    if _CSV.value:
        print("step,value,scale,learning_rate")
        for each in found:
            print(f"{each.step},{each.value},{each.scale:.9g},{each.learning_rate:.9g}")
        return
    before = 1.0
    for number, each in enumerate(found, start=1):
        if each.scale != before:
            print(
                f"evaluation {number} (step {each.step:,}, value {each.value:.6g}): "
                f"scale {before:.4g} -> {each.scale:.4g}"
            )
        before = each.scale
    print(f"{len(found)} evaluations, scale {before:.4g} at the end")


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Does what the command line says, and exits."""
    command.run(show, argv)
