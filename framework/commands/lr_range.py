"""Learning-rate range test: raises the rate until the loss diverges; suggests one.

    whyflat lr-range
    whyflat lr-range --dataset=fashion_mnist --model=cnn

Each seed trains a new network with a learning rate that increases from step to step,
until its loss diverges. The networks are not saved, and no run's folder is changed.

Over 3 seeds the first command prints: steepest 0.0069 (0.0047 to 0.009), valley 0.0024
(0.0023 to 0.0025); the second: steepest 0.00094 (0.00074 to 0.0013), valley 0.0019
(0.0018 to 0.0021). With --highest_rate=1e-5 there is no suggestion.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from absl import flags

from framework import main as main_lib
from framework.config import Config
from framework.data.stream import NOTE
from framework.errors import UsageError
from framework.launch import components
from framework.report.console import console, reading_progress
from framework.report.events import Events
from framework.report.figures import range_test as draw
from framework.schedules import range_test
from framework.system import atomic

_LOW = flags.DEFINE_float(
    "lowest_rate", 1e-6, "Learning rate at the start of the sweep, such as 1e-5.", 0.0
)
_HIGH = flags.DEFINE_float(
    "highest_rate", 10.0, "Learning rate at the end of the sweep, such as 1.", 0.0
)
_STEPS = flags.DEFINE_integer(
    "sweep_steps", 200, "Number of optimizer steps of the sweep, such as 200.", 20
)
_SEEDS = flags.DEFINE_integer(
    "seeds", 3, "Number of repetitions, each with another seed, such as 3.", 1
)

CONFIG = Config(learning_rate=1.0, train_dev=0.0, workdir="runs/lr_range")


def sweep(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Returns the learning rates and losses of a sweep, until it diverges."""
    schedule = f"exp_interp(start={_LOW.value!r}, end={_HIGH.value!r})"
    swept = dataclasses.replace(
        config, schedule=schedule, train_for=str(_STEPS.value), learning_rate=1.0
    )
    built = components.build(swept, None, None, reading_progress(console()))
    if built.examples.dataset.stream:
        console().print(NOTE, soft_wrap=True)
    rates, losses = [], []
    for step in range(_STEPS.value):
        built.loop(step, 1)
        rates.append(built.state.rate())
        losses.append(built.loop.take_window()["loss"])
        if range_test.has_diverged(np.array(losses)):
            break
    return np.array(rates), np.array(losses)


def run(config: Config) -> None:
    """Sweeps with several seeds, and prints and draws the suggestions."""
    screen, folder = console(), Path(config.workdir)
    suggestions = []
    for seed in range(config.seed, config.seed + _SEEDS.value):
        rates, losses = sweep(dataclasses.replace(config, seed=seed))
        suggestion = range_test.suggest(rates, losses)
        suggestions.append(suggestion)
        smoothed = range_test.smooth(losses)
        events = Events(folder / f"seed-{seed}")
        for step, row in enumerate(zip(rates, losses, smoothed, strict=True)):
            names = ("learning_rate", "loss", "smoothed_loss")
            events.scalars(step, dict(zip(names, map(float, row), strict=True)))
        png = draw(rates, losses, smoothed, suggestion)
        events.image(len(losses), "range_test", png)
        events.close()
        atomic.write_bytes(folder / f"seed-{seed}.png", png)
        screen.print(f"seed {seed}: {len(losses)} steps, {_describe(suggestion)}")
    screen.print(_spread("steepest", [each.steepest for each in suggestions]))
    screen.print(_spread("valley", [each.valley for each in suggestions]))
    quoted = shlex.quote(str(folder))
    screen.print(f"curves: tensorboard --logdir {quoted}", soft_wrap=True)


def _describe(suggestion: range_test.Suggestion) -> str:
    if suggestion.steepest is None and suggestion.valley is None:
        return "no suggestion: the loss does not fall"
    return ", ".join(
        f"{name} {value:.2g}"
        for name, value in dataclasses.asdict(suggestion).items()
        if value is not None
    )


def _spread(name: str, values: list[float | None]) -> str:
    """Formats the geometric mean over seeds, and the range."""
    rates = [value for value in values if value is not None]
    if len(rates) < len(values) or not rates:
        return f"{name}: no suggestion ({len(rates)} of {len(values)} seeds have one)"
    mean = float(np.exp(np.mean(np.log(rates))))
    return f"{name}: {mean:.2g} ({min(rates):.2g} to {max(rates):.2g})"


def checked_run(config: Config) -> None:
    """Validates the flags, then runs.

    Raises:
        UsageError: The folder is that of a run, or the range of rates is empty.
    """
    if (Path(config.workdir) / "config.json").exists():
        raise UsageError(
            f"workdir {config.workdir} is that of a run; use another --workdir"
        )
    if not 0 < _LOW.value < _HIGH.value:
        raise UsageError("lowest_rate must be positive, and below highest_rate")
    run(config)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    main_lib.main(CONFIG, checked_run, argv, __doc__)
