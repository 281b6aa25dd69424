"""Previews of learning-rate curves: CSV, text plot, PNG figure and summary."""

from __future__ import annotations

import contextlib
import io
import math

import numpy as np
import tensorflow as tf

from framework.errors import UsageError
from framework.schedules.algebra import Clock, Schedule
from framework.schedules.learning_rate import LearningRate

_EIGHTHS = " ▁▂▃▄▅▆▇█"

# The usual length of a preview in steps, and how often it may be doubled.
_STEPS, _MAX_DOUBLINGS = 1000, 12


def rates(schedule: Schedule, peak: float, clock: Clock) -> np.ndarray:
    """Returns the learning rate of every step: float32 [total_steps].

    Controllers observe no metrics and keep their initial scale.
    """
    rate = LearningRate(peak, schedule, clock)
    steps = tf.range(clock.total_steps, dtype=tf.int64)
    signature = tf.TensorSpec([], tf.float32)
    mapped = tf.function(lambda: tf.map_fn(rate, steps, fn_output_signature=signature))
    values: np.ndarray = mapped().numpy()
    return values


def fitting(schedule: Schedule, steps_per_epoch: int) -> int:
    """Returns a length in steps that a schedule fits into: 1000, or twice that, ...

    >>> from framework.schedules import build
    >>> fitting(build("warmup(10ep) + cosine"), steps_per_epoch=100)
    2000

    Args:
        schedule: The schedule.
        steps_per_epoch: Optimizer steps per epoch.
    """
    for doublings in range(_MAX_DOUBLINGS):
        steps = _STEPS * 2**doublings
        with contextlib.suppress(UsageError):
            rates(schedule, 1.0, Clock(steps, steps_per_epoch))
            return steps
    # The error of a schedule that fits into no length is the one to show.
    return _STEPS


def to_csv(values: np.ndarray) -> str:
    """Formats a curve as CSV, with a header and one `step,learning_rate` a line.

    Args:
        values: float [steps].
    """
    lines = [f"{step},{value:.9g}" for step, value in enumerate(values)]
    return "\n".join(["step,learning_rate", *lines]) + "\n"


def plot(values: np.ndarray, width: int = 72, height: int = 10) -> str:
    """Plots a curve in block characters, with a scale.

    Args:
        values: float [steps], not negative.
        width: Maximum width in characters; each shows the mean of equally many steps.
        height: Height in lines.
    """
    groups = np.array_split(values, min(width, len(values)))
    means = np.array([group.mean() for group in groups])
    top = float(means.max()) or 1.0
    eighths = np.round(means / top * height * 8).astype(int)
    lines = []
    for level in reversed(range(height)):
        cells = np.clip(eighths - 8 * level, 0, 8)
        label = f"{top * (level + 1) / height:.3g}"
        lines.append(f"{label:>9} |" + "".join(_EIGHTHS[cell] for cell in cells))
    last = f"{len(values) - 1:,}"
    axis = "0" + last.rjust(len(means) - 1) if len(means) > 1 else "0"
    return "\n".join([*lines, " " * 10 + "+" + "-" * len(means), " " * 11 + axis])


def to_png(values: np.ndarray, title: str) -> bytes:
    """Plots a curve as a PNG image.

    Args:
        values: float [steps].
        title: The title of the figure.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(np.arange(len(values)), values)
    axes.set(xlabel="step", ylabel="learning rate", title=title)
    axes.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def summary(values: np.ndarray) -> str:
    """Summarizes a curve, float [steps], in one line."""
    peak = int(np.argmax(values))
    mean = math.fsum(values) / len(values)
    return (
        f"first {values[0]:.4g}, highest {values[peak]:.4g} at step {peak:,}, "
        f"last {values[-1]:.4g}, mean {mean:.4g}"
    )
