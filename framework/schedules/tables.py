"""Schedules given by boundaries and values; see `shapes` for their signature."""
# ruff: noqa: N803

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from framework.config.durations import Duration
from framework.errors import UsageError

_STEP = Duration(30, "%")


def step(
    t: tf.Tensor, T: tf.Tensor, every: Duration = _STEP, gamma: float = 0.1
) -> tf.Tensor:
    """Decays by the factor `gamma` every `every` steps (PyTorch's StepLR).

    >>> [float(step(t, 8.0, every=2, gamma=0.5)) for t in (0.0, 1.0, 2.0, 4.0)]
    [1.0, 1.0, 0.5, 0.25]
    """
    return gamma ** tf.floor(t / every)


def multistep(
    t: tf.Tensor,
    T: tf.Tensor,
    boundaries: Sequence[Duration] = (),
    gamma: float = 0.1,
) -> tf.Tensor:
    """Decays by the factor `gamma` at each boundary (PyTorch's MultiStepLR).

    >>> [float(multistep(t, 8.0, (2, 6), gamma=0.5)) for t in (0.0, 2.0, 5.0, 6.0)]
    [1.0, 0.5, 0.5, 0.25]
    """
    return gamma ** _boundaries_passed(t, boundaries)


def piecewise(
    t: tf.Tensor,
    T: tf.Tensor,
    boundaries: Sequence[Duration] = (),
    values: Sequence[float] = (),
    scales: Sequence[float] = (),
    right: bool = False,
) -> tf.Tensor:
    """Is piecewise constant.

    >>> [float(piecewise(t, 8.0, (2, 6), (1.0, 0.5, 0.25))) for t in (1.0, 2.0, 6.0)]
    [1.0, 0.5, 0.25]

    Args:
        t: Steps since the schedule began.
        T: Its length in steps.
        boundaries: The steps of the changes, in increasing order.
        values: The values before, between and after the boundaries.
        scales: Instead of `values`: the factor at each boundary.
        right: Whether the step at a boundary has the old value, as in Keras, or the
            new one, as in PyTorch and optax.

    Raises:
        UsageError: The arguments do not match, or boundaries decrease.
    """
    _check_rising(boundaries)
    if bool(values) == bool(scales):
        raise UsageError("give either values or scales, and not both")
    levels = np.cumprod([1.0, *scales]) if scales else values
    if len(levels) != len(boundaries) + 1:
        raise UsageError(
            f"{len(boundaries)} boundaries need {len(boundaries) + 1} values or "
            f"{len(boundaries)} scales"
        )
    index = tf.cast(_boundaries_passed(t, boundaries, right), tf.int32)
    return tf.gather(tf.constant(levels, tf.float32), index)


def interpolate(
    t: tf.Tensor,
    T: tf.Tensor,
    boundaries: Sequence[Duration] = (),
    factors: Sequence[float] = (),
    scales: Sequence[float] = (),
    shape: str = "linear",
) -> tf.Tensor:
    """Interpolates from 1 at the beginning through a value at each boundary.

    >>> [round(float(interpolate(t, 8.0, (4, 8), (0.5, 0.1))), 2) for t in (0, 2, 6, 9)]
    [1.0, 0.75, 0.3, 0.1]

    Args:
        t: Steps since the schedule began.
        T: Its length in steps.
        boundaries: The steps of the values, in increasing order.
        factors: The values at the boundaries.
        scales: Instead of `factors`: ratios of consecutive values, as in optax.
        shape: "linear" or "cos" interpolation.

    Raises:
        UsageError: The arguments do not match, or boundaries decrease.
    """
    _check_rising(boundaries)
    if bool(factors) == bool(scales):
        raise UsageError("give either factors or scales, and not both")
    values = np.cumprod(scales) if scales else factors
    if len(values) != len(boundaries):
        raise UsageError(
            f"{len(boundaries)} boundaries need as many factors or scales, not "
            f"{len(values)}"
        )
    knots = tf.constant([0.0, *boundaries], tf.float32)
    return interpolate_knots(t, knots, [1.0, *values], shape)


def interpolate_knots(
    t: tf.Tensor, knots: tf.Tensor, values: Sequence[float], shape: str
) -> tf.Tensor:
    """Interpolates between values at knots; holds the first and last value outside.

    Args:
        t: float32 scalar.
        knots: float32 [n], in increasing order.
        values: n values at the knots.
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
        # This form reaches the value at the knot exactly.
        between = values[index - 1] * (1.0 - p) + values[index] * p
        result = tf.where(t >= left, between, result)
    return result


def _check_rising(boundaries: Sequence[Duration]) -> None:
    """Raises UsageError if boundaries, in steps, are not in increasing order."""
    steps = np.asarray(boundaries, np.float64).tolist()
    if steps != sorted(steps):
        shown = ", ".join(f"{step:g}" for step in steps)
        raise UsageError(f"boundaries must increase, but in steps they are {shown}")


def _boundaries_passed(
    t: tf.Tensor, boundaries: Sequence[Duration], right: bool = False
) -> tf.Tensor:
    """Returns the number of boundaries before t, as a float32 scalar."""
    edges = tf.constant(boundaries, tf.float32, [len(boundaries)])
    is_passed = t > edges if right else t >= edges
    return tf.reduce_sum(tf.cast(is_passed, tf.float32))
