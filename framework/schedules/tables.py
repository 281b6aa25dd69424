"""Shapes given by a table of steps and values; see `shapes` for how to read them."""
# ruff: noqa: N803

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from framework.durations import Duration
from framework.errors import UsageError

_STEP = Duration(30, "%")


def step(
    t: tf.Tensor, T: tf.Tensor, every: Duration = _STEP, gamma: float = 0.1
) -> tf.Tensor:
    """Is multiplied by `gamma` after each `every` (torch's StepLR)."""
    return gamma ** tf.floor(t / every)


def multistep(
    t: tf.Tensor,
    T: tf.Tensor,
    boundaries: Sequence[Duration] = (),
    gamma: float = 0.1,
) -> tf.Tensor:
    """Is multiplied by `gamma` at each boundary (torch's MultiStepLR)."""
    return gamma ** _passed(t, boundaries)


def piecewise(
    t: tf.Tensor,
    T: tf.Tensor,
    boundaries: Sequence[Duration] = (),
    values: Sequence[float] = (),
    scales: Sequence[float] = (),
    right: bool = False,
) -> tf.Tensor:
    """Is constant between boundaries.

    Args:
        t: Updates so far.
        T: How many it takes.
        boundaries: Where it changes, rising.
        values: What it is before the first boundary, between them and after the last.
        scales: Instead of `values`: what it is multiplied by at each boundary.
        right: Whether the update at a boundary has the old value still, as in Keras;
            else it has the new one, as in torch and optax.

    Raises:
        UsageError: The arguments do not fit one another, or boundaries fall.
    """
    _check_rising(boundaries)
    if bool(values) == bool(scales):
        raise UsageError("give either values or scales")
    if scales:
        values = np.cumprod([1.0, *scales])
    if len(values) != len(boundaries) + 1:
        raise UsageError(
            f"{len(boundaries)} boundaries need {len(boundaries) + 1} values or "
            f"{len(boundaries)} scales"
        )
    index = tf.cast(_passed(t, boundaries, right), tf.int32)
    return tf.gather(tf.constant(values, tf.float32), index)


def interpolate(
    t: tf.Tensor,
    T: tf.Tensor,
    boundaries: Sequence[Duration] = (),
    factors: Sequence[float] = (),
    scales: Sequence[float] = (),
    shape: str = "linear",
) -> tf.Tensor:
    """Goes from 1 at the beginning through a value at each boundary, and stays there.

    Args:
        t: Updates so far.
        T: How many it takes.
        boundaries: Where the values are, rising.
        factors: The values.
        scales: Instead of `factors`: each value over the one before, as in optax.
        shape: "linear" or "cos" in between.

    Raises:
        UsageError: The arguments do not fit one another, or boundaries fall.
    """
    _check_rising(boundaries)
    if bool(factors) == bool(scales):
        raise UsageError("give either factors or scales")
    values = np.cumprod(scales) if scales else factors
    if len(values) != len(boundaries):
        raise UsageError("there must be as many factors or scales as boundaries")
    knots = tf.constant([0.0, *boundaries], tf.float32)
    return interpolated(t, knots, [1.0, *values], shape)


def interpolated(
    t: tf.Tensor, knots: tf.Tensor, values: Sequence[float], shape: str
) -> tf.Tensor:
    """Returns what lies between values at knots; the first or last one outside.

    Args:
        t: float32 scalar.
        knots: float32 [n], rising.
        values: At the knots.
        shape: "linear" or "cos".
    """
    if shape not in ("linear", "cos"):
        raise UsageError(f"shape must be linear or cos, not {shape!r}")
    result = tf.constant(values[0], tf.float32)
    for index in range(1, len(values)):
        left, right = knots[index - 1], knots[index]
        p = tf.clip_by_value((t - left) / tf.maximum(right - left, 1e-6), 0.0, 1.0)
        if shape == "cos":
            p = 0.5 * (1.0 - tf.cos(math.pi * p))
        # In this form it ends at the value exactly.
        between = values[index - 1] * (1.0 - p) + values[index] * p
        result = tf.where(t >= left, between, result)
    return result


def _check_rising(boundaries: Sequence[float]) -> None:
    """Raises UsageError if a boundary is before the one that it follows."""
    if list(boundaries) != sorted(boundaries):
        shown = ", ".join(f"{each:g}" for each in boundaries)
        raise UsageError(f"boundaries must rise, in steps they are {shown}")


def _passed(
    t: tf.Tensor, boundaries: Sequence[float], right: bool = False
) -> tf.Tensor:
    """Returns how many boundaries are behind t, float32."""
    edges = tf.constant(boundaries, tf.float32, [len(boundaries)])
    behind = t > edges if right else t >= edges
    return tf.reduce_sum(tf.cast(behind, tf.float32))
