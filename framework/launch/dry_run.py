"""Trains and evaluates for a moment, and estimates a run's time; writes nothing."""

from __future__ import annotations

import dataclasses
import resource
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from framework import compiled
from framework.config import Config
from framework.data.batches import Batches
from framework.data.dataset import Dataset
from framework.data.given import Arrays
from framework.distributed.workers import Workers
from framework.launch import banner, checks, components, preflight
from framework.launch.components import Components
from framework.launch.resume import Resumption
from framework.models import ModelFunction
from framework.report import console
from framework.report.compiling import Compiling

# Seconds of steps to measure, and the maximum number of steps.
_SECONDS = 1.0
_MAX_STEPS = 100
# The time of a step whose gradients are measured, relative to that of another step; see
# `Plan.measures`.
_MEASURED = 1.5
_GPU = "GPU"


@dataclasses.dataclass(frozen=True)
class DryRun:
    """What a dry run has measured.

    Attributes:
        parameters: The number of parameters of the network.
        compilation: Seconds of compilation.
        step: Seconds per step.
        evaluation: Seconds per evaluation, estimated from a batch of each split.
        loss: The loss of the measured steps.
        steps: The number of steps of the run.
        measured_steps: Those among them whose gradients are measured.
        evaluations: The number of evaluations of the run.
        batch_size: Images per step.
        memory: Bytes at the peak, by device: "host", "GPU:0".
    """

    parameters: int
    compilation: float
    step: float
    evaluation: float
    loss: float
    steps: int
    measured_steps: int
    evaluations: int
    batch_size: int
    memory: dict[str, int]

    @property
    def seconds(self) -> float:
        """Estimated seconds of the run, without writing checkpoints and pictures."""
        steps = self.steps + (_MEASURED - 1) * self.measured_steps
        return self.compilation + steps * self.step + self.evaluations * self.evaluation

    def lines(self) -> list[str]:
        """Returns the measurements as lines of text."""
        memory = ", ".join(
            f"{count / 1e6:,.0f} MB ({name})" for name, count in self.memory.items()
        )
        rate = self.batch_size / max(self.step, 1e-9)
        return [
            f" parameters  {self.parameters:,}",
            f"memory peak  {memory}",
            f"compilation  {self.compilation:.1f} s",
            f"       step  {_duration(self.step)}, {rate:,.0f} images/s, loss "
            f"{self.loss:.4f}",
            f" evaluation  {_duration(self.evaluation)}",
            f"        run  about {_duration(self.seconds)}: {self.steps:,} steps and "
            f"{self.evaluations:,} evaluations, without writing files",
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def dry_run(
    config: Config,
    model: ModelFunction | keras.Model | None = None,
    dataset: Dataset | Arrays | None = None,
    quiet: bool = False,
) -> DryRun:
    """Trains for about a second and evaluates a batch of each split; writes nothing.

    Args:
        config: The configuration.
        model: See `framework.launch.run.run`.
        dataset: See `framework.launch.run.run`.
        quiet: Whether to print nothing on the console.

    Raises:
        UsageError: The config is wrong, or does not fit the run in its folder.
        RunError: Data are bad.
    """
    request = preflight.check(config, model, dataset)
    config = request.config
    screen = console.console()
    screen.quiet = quiet
    with compiled.collectable_graphs():
        progress = console.reading_progress(screen)
        built = components.build(config, model, request.given.dataset, progress)
        screen.quiet |= not Workers(built.strategy).is_chief
        checks.check_outputs(built.state.model, built.examples.dataset.image_shape)
        facts = banner.facts(config, built, Resumption(None), request.choice.why)
        for line in console.table(facts):
            screen.print(line, soft_wrap=True, markup=False)
        watcher = Compiling(screen.print, is_terminal=False)
        built.loop.compilation.watcher = watcher
        result = _measure(built)
    for line in result.lines():
        screen.print(line, soft_wrap=True, markup=False)
    screen.print(f"nothing was written to {config.workdir}", markup=False)
    return result


def _measure(built: Components) -> DryRun:
    plan = built.plan
    step, loss = _step(built)
    evaluation = _evaluation(built)
    return DryRun(
        parameters=built.state.model.count_params(),
        compilation=sum(built.loop.compilation.seconds.values()),
        step=step,
        evaluation=evaluation,
        loss=loss,
        steps=plan.total_steps,
        measured_steps=-(-plan.total_steps // plan.log_every),
        evaluations=-(-plan.total_steps // plan.evaluate_every),
        batch_size=built.objective.batch_size,
        memory=_memory(),
    )


def _step(built: Components) -> tuple[float, float]:
    """Trains; returns the seconds per step, and the loss.

    The steps that are measured do not include the first, which is compiled.
    """
    loop, per_epoch = built.loop, built.loop.feed.per_epoch
    loop(0, 1)
    loop.measured_step(1)
    loop.take_window()
    step, count, seconds, total = 2, 1, 0.0, 0
    while True:
        count = min(count, per_epoch - step % per_epoch)
        start = time.perf_counter()
        loop(step, count)
        # Waits for the device.
        loss = loop.take_window()["loss"]
        seconds += time.perf_counter() - start
        step, total = step + count, total + count
        left = min(_MAX_STEPS - total, int((_SECONDS - seconds) * total / seconds))
        # All workers must train for as many steps.
        left = loop.common_count(max(left, 0))
        if left <= 0:
            return seconds / total, loss
        count = left


def _evaluation(built: Components) -> float:
    """Evaluates a batch of each split; returns the seconds of a whole evaluation."""
    examples = built.examples
    validation = np.arange(len(examples.dataset.validation))
    splits: list[tuple[Batches, np.ndarray]] = [
        (examples.train_batches, examples.train_clean),
        (examples.train_batches, examples.train_dev),
        (examples.validation_batches, validation),
    ]
    seconds = 0.0
    for batches, indices in splits:
        if not len(indices):
            continue
        evaluator = built.evaluator(batches)
        batch = indices[: evaluator.batch_size]
        evaluator(batch)
        start = time.perf_counter()
        evaluator(batch)
        seconds += (time.perf_counter() - start) * len(indices) / len(batch)
    return seconds


def _memory() -> dict[str, int]:
    """Returns the bytes at the peak, by device."""
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peaks = {"host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
    for index, _ in enumerate(tf.config.list_logical_devices(_GPU)):
        name = f"{_GPU}:{index}"
        peaks[name] = tf.config.experimental.get_memory_info(name)["peak"]
    return peaks


def _duration(seconds: float) -> str:
    """Formats seconds in a unit that people read.

    >>> _duration(0.0123), _duration(12.34), _duration(3723)
    ('12.3 ms', '12.3 s', '1:02:03')
    """
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
