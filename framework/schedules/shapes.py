"""How a learning rate can go: pure functions of time, in multiples of the peak.

Each takes `t`, the updates since its part of the schedule began, and `T`, how many its
part takes, both float32 scalars, and returns a float32 scalar. Their other parameters
are what a spec can set; a parameter hinted as `Duration` arrives in steps.
"""

from __future__ import annotations

import math

import tensorflow as tf

from framework.durations import Duration

_STEP = Duration(30, "%")


def constant(t: tf.Tensor, T: tf.Tensor, factor: float = 1.0) -> tf.Tensor:  # noqa: N803
    """Stays at `factor`."""
    return tf.constant(factor, tf.float32)


def warmup(
    t: tf.Tensor,
    T: tf.Tensor,  # noqa: N803
    start: float = 0.0,
    power: float = 1.0,
) -> tf.Tensor:
    """Rises from `start` to 1 as t**power; the first update is at `start`."""
    return start + (1.0 - start) * _progress(t, T) ** power


def linear(t: tf.Tensor, T: tf.Tensor, end: float = 0.0) -> tf.Tensor:  # noqa: N803
    """Goes from 1 to `end` in a straight line."""
    return 1.0 + (end - 1.0) * _progress(t, T)


def cosine(
    t: tf.Tensor,
    T: tf.Tensor,  # noqa: N803
    end: float = 0.0,
    exponent: float = 1.0,
) -> tf.Tensor:
    """Falls from 1 to `end` along half a cosine (Loshchilov & Hutter, 2017)."""
    fall = 0.5 * (1.0 + tf.cos(math.pi * _progress(t, T)))
    return end + (1.0 - end) * fall**exponent


def step(
    t: tf.Tensor,
    T: tf.Tensor,  # noqa: N803
    every: Duration = _STEP,
    gamma: float = 0.1,
) -> tf.Tensor:
    """Is multiplied by `gamma` after each `every` (torch's StepLR)."""
    return gamma ** tf.floor(t / every)


def _progress(t: tf.Tensor, T: tf.Tensor) -> tf.Tensor:  # noqa: N803
    return tf.clip_by_value(t / tf.maximum(T, 1.0), 0.0, 1.0)
