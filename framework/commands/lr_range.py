"""Sweeps the learning rate up, and reads off the losses which one to take.

    whyflat lr-range
    whyflat lr-range --dataset=fashion_mnist --model=cnn

Each seed trains a net of its own from its first weights, step by step at a higher rate,
until its loss diverges; nothing of it is kept, and no run's folder is touched.

Over 3 seeds the first command says: steepest 0.0069 (0.0047 to 0.009), valley 0.0024
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
from framework.errors import UsageError
from framework.launch import components
from framework.report.console import console, reading
from framework.report.events import Events
from framework.report.figures import range_test as draw
from framework.schedules import range_test
from framework.system import atomic

_LOW = flags.DEFINE_float("lowest_rate", 1e-6, "Where the sweep begins.", 0.0)
_HIGH = flags.DEFINE_float("highest_rate", 10.0, "Where it ends, at the latest.", 0.0)
_STEPS = flags.DEFINE_integer("sweep_steps", 200, "How many steps it takes.", 20)
_SEEDS = flags.DEFINE_integer("seeds", 3, "How many times it is repeated.", 1)

CONFIG = Config(learning_rate=1.0, train_dev=0.0, workdir="runs/lr_range")


def sweep(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Returns rates and losses of a sweep, up to where it diverges."""
    schedule = f"exp_interp(start={_LOW.value!r}, end={_HIGH.value!r})"
    swept = dataclasses.replace(
        config, schedule=schedule, train_for=str(_STEPS.value), learning_rate=1.0
    )
    made = components.build(swept, None, None, reading(console()))
    rates, losses = [], []
    for step in range(_STEPS.value):
        made.loop(step, 1)
        rates.append(made.state.rate())
        losses.append(made.loop.take_window()["loss"])
        if range_test.has_diverged(np.array(losses)):
            break
    return np.array(rates), np.array(losses)


def run(config: Config) -> None:
    """Sweeps with several seeds, and says what they suggest."""
    screen, folder = console(), Path(config.workdir)
    suggestions = []
    for seed in range(config.seed, config.seed + _SEEDS.value):
        rates, losses = sweep(dataclasses.replace(config, seed=seed))
        found = range_test.suggest(rates, losses)
        suggestions.append(found)
        smoothed = range_test.smooth(losses)
        events = Events(folder / f"seed-{seed}")
        for step, row in enumerate(zip(rates, losses, smoothed, strict=True)):
            names = ("learning_rate", "loss", "smoothed_loss")
            events.scalars(step, dict(zip(names, map(float, row), strict=True)))
        png = draw(rates, losses, smoothed, found)
        events.image(len(losses), "range_test", png)
        events.close()
        atomic.write_bytes(folder / f"seed-{seed}.png", png)
        screen.print(f"seed {seed}: {len(losses)} steps, {_told(found)}")
    for name in ("steepest", "valley"):
        screen.print(_spread(name, [getattr(each, name) for each in suggestions]))
    quoted = shlex.quote(str(folder))
    screen.print(f"curves: tensorboard --logdir {quoted}", soft_wrap=True)


def _told(found: range_test.Suggestion) -> str:
    if found.steepest is None and found.valley is None:
        return "no suggestion: the loss does not fall"
    return ", ".join(
        f"{name} {value:.2g}"
        for name, value in dataclasses.asdict(found).items()
        if value is not None
    )


def _spread(name: str, values: list[float | None]) -> str:
    """Returns the geometric mean over seeds, and from where to where they go."""
    found = [value for value in values if value is not None]
    if len(found) < len(values) or not found:
        return f"{name}: no suggestion ({len(found)} of {len(values)} seeds have one)"
    mean = float(np.exp(np.mean(np.log(found))))
    return f"{name}: {mean:.2g} ({min(found):.2g} to {max(found):.2g})"


def checked_run(config: Config) -> None:
    """Runs, unless the sweep would go down, or into the folder of a run."""
    if (Path(config.workdir) / "config.json").exists():
        raise UsageError(f"workdir {config.workdir} is that of a run; give another")
    if not 0 < _LOW.value < _HIGH.value:
        raise UsageError("lowest_rate must be positive, and below highest_rate")
    run(config)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Does what the command line says, and exits."""
    main_lib.main(CONFIG, checked_run, argv, __doc__)
