"""Schedules with one phase: pure functions of the step, in multiples of the peak.

Each takes `t`, the steps since it began, and `T`, its length in steps, both float32
scalars, and returns a float32 scalar. A spec sets the other parameters; one with the
type `Duration` is converted to steps before the call. After T each holds its last
value, unless its docstring says otherwise.

Cyclic schedules are in `cycles`, schedules given by boundaries and values in `tables`.
"""
# ruff: noqa: N803, N806

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import tensorflow as tf

from framework.config.durations import Duration
from framework.errors import UsageError
from framework.numerics.draws import Draws

_FIFTH = Duration(20, "%")
_TWENTIETH = Duration(5, "%")
# The final value of an exponential decay before it is rescaled to `end`; timm's.
_EXPONENTIAL_FLOOR = 0.1


def constant(t: tf.Tensor, T: tf.Tensor, factor: float = 1.0) -> tf.Tensor:
    """Holds at `factor`.

    >>> float(constant(3.0, 10.0, factor=0.5))
    0.5
    """
    return tf.constant(factor, tf.float32)


def warmup(
    t: tf.Tensor,
    T: tf.Tensor,
    start: float = 0.0,
    end: float = 1.0,
    shape: str = "linear",
    power: float = 1.0,
    first: int = 0,
) -> tf.Tensor:
    """Rises from `start` to `end`.

    >>> [float(warmup(t, 4.0)) for t in (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]

    Args:
        t: Steps since the schedule began.
        T: Its length in steps.
        start: Multiplier at the beginning.
        end: Multiplier at the end.
        shape: "linear"; "polynomial", as (t / T)**power; "cosine"; "1-sqrt";
            "exponential", by equal ratios, for which `start` must be positive.
        power: The exponent of "linear" and "polynomial".
        first: 0 for t / T, whose first step has the multiplier `start`, so that it has
            no effect if that is 0; 1 for (t + 1) / T, as in torchtitan.
    """
    p = progress(t + first, T)
    if shape == "exponential":
        if start <= 0.0:
            raise UsageError(f"start must be positive for this shape, not {start}")
        return start * (end / start) ** p
    rises: dict[str, Callable[[], tf.Tensor]] = {
        "linear": lambda: p**power,
        "polynomial": lambda: p**power,
        "cosine": lambda: 0.5 * (1.0 - tf.cos(math.pi * p)),
        "1-sqrt": lambda: 1.0 - tf.sqrt(1.0 - p),
    }
    return start + (end - start) * _one_of(rises, "shape", shape)()


def linear(t: tf.Tensor, T: tf.Tensor, end: float = 0.0) -> tf.Tensor:
    """Changes linearly from 1 to `end`.

    >>> [float(linear(t, 4.0)) for t in (0.0, 1.0, 2.0, 3.0, 4.0)]
    [1.0, 0.75, 0.5, 0.25, 0.0]
    """
    return 1.0 + (end - 1.0) * progress(t, T)


def polynomial(
    t: tf.Tensor,
    T: tf.Tensor,
    end: float = 0.0,
    power: float = 1.0,
    k: float = 1.0,
    cycle: bool = False,
) -> tf.Tensor:
    """Decays from 1 to `end` as (1 - p**k)**power, with p from 0 to 1.

    >>> [float(polynomial(t, 4.0, power=2.0)) for t in (0.0, 2.0, 4.0)]
    [1.0, 0.25, 0.0]

    Args:
        t: Steps since the schedule began.
        T: Its length in steps.
        end: Multiplier at the end.
        power: The exponent.
        k: The k of k-decay (Zhang, 2020); above 1 the rate stays high for longer.
        cycle: Whether to extend T to 2T, 3T... whenever it has passed, as in Keras.
    """
    if cycle:
        T = T * tf.maximum(1.0, tf.math.ceil(t / T))
    return end + (1.0 - end) * (1.0 - progress(t, T) ** k) ** power


def exponential(
    t: tf.Tensor,
    T: tf.Tensor,
    decay_steps: Duration = Duration(1),  # noqa: B008
    decay_rate: float = 0.9,
    staircase: bool = False,
    end: float = 0.0,
) -> tf.Tensor:
    """Decays by the factor `decay_rate` in each `decay_steps`, but not below `end`.

    >>> [float(exponential(t, 8.0, decay_steps=2, decay_rate=0.5)) for t in (0, 2, 4)]
    [1.0, 0.5, 0.25]
    """
    periods = tf.floor(t / decay_steps) if staircase else t / decay_steps
    return tf.maximum(decay_rate**periods, end)


def multiplicative(t: tf.Tensor, T: tf.Tensor, factor: float = 0.95) -> tf.Tensor:
    """Decays by `factor` at each step.

    >>> [float(multiplicative(t, 8.0, factor=0.5)) for t in (0.0, 1.0, 2.0)]
    [1.0, 0.5, 0.25]
    """
    return factor**t


def inverse_time(
    t: tf.Tensor,
    T: tf.Tensor,
    decay_steps: Duration = Duration(1),  # noqa: B008
    decay_rate: float = 1.0,
    staircase: bool = False,
) -> tf.Tensor:
    """Decays as 1 / (1 + decay_rate * t / decay_steps).

    >>> [float(inverse_time(t, 8.0, decay_steps=2)) for t in (0.0, 2.0, 6.0)]
    [1.0, 0.5, 0.25]
    """
    periods = tf.floor(t / decay_steps) if staircase else t / decay_steps
    return 1.0 / (1.0 + decay_rate * periods)


def cosine(
    t: tf.Tensor,
    T: tf.Tensor,
    end: float = 0.0,
    exponent: float = 1.0,
    k: float = 1.0,
) -> tf.Tensor:
    """Decays from 1 to `end` along half a cosine (Loshchilov & Hutter, 2017).

    >>> [round(float(cosine(t, 4.0)), 3) for t in (0.0, 1.0, 2.0, 3.0, 4.0)]
    [1.0, 0.854, 0.5, 0.146, 0.0]

    Args:
        t: Steps since the schedule began.
        T: Its length in steps.
        end: Multiplier at the end.
        exponent: The exponent of the cosine, as in optax.
        k: The k of k-decay; see `polynomial`.
    """
    fall = 0.5 * (1.0 + tf.cos(math.pi * progress(t, T) ** k))
    return end + (1.0 - end) * fall**exponent


def rsqrt(
    t: tf.Tensor, T: tf.Tensor, timescale: float = 10_000.0, shift: float = 0.0
) -> tf.Tensor:
    """Decays as 1 / sqrt(1 + (t + shift) / timescale), also after T.

    >>> [float(rsqrt(t, 8.0, timescale=1.0)) for t in (0.0, 3.0, 15.0)]
    [1.0, 0.5, 0.25]
    """
    return tf.math.rsqrt(1.0 + (t + shift) / timescale)


def noam(
    t: tf.Tensor,
    T: tf.Tensor,
    model_dim: int = 512,
    warmup: Duration = _TWENTIETH,
) -> tf.Tensor:
    """Warms up linearly, then decays as 1 / sqrt(t) (Vaswani et al., 2017).

    The multiplier is divided by sqrt(model_dim); after T it decays further.

    >>> [round(float(noam(t, 8.0, model_dim=4, warmup=4)), 4) for t in (0.0, 3.0, 15.0)]
    [0.0625, 0.25, 0.125]
    """
    count = t + 1.0
    return model_dim**-0.5 * tf.minimum(count**-0.5, count * as_steps(warmup) ** -1.5)


def power(t: tf.Tensor, T: tf.Tensor, power: float = -0.5) -> tf.Tensor:
    """Decays as max(t, 1)**power, also after T.

    >>> [float(power(t, 8.0)) for t in (0.0, 1.0, 4.0)]
    [1.0, 1.0, 0.5]
    """
    return tf.maximum(t, 1.0) ** power


def tanh(
    t: tf.Tensor, T: tf.Tensor, end: float = 0.0, lb: float = -7.0, ub: float = 3.0
) -> tf.Tensor:
    """Decays from near 1 to `end` as tanh from `lb` to `ub` (Hsueh et al., 2019).

    >>> [round(float(tanh(t, 10.0)), 3) for t in (0.0, 7.0, 10.0)]
    [1.0, 0.5, 0.0]
    """
    p = progress(t, T)
    fall = 0.5 * (1.0 - tf.tanh(lb * (1.0 - p) + ub * p))
    return tf.where(p < 1.0, end + (1.0 - end) * fall, end)


def rex(t: tf.Tensor, T: tf.Tensor, beta: float = 0.9) -> tf.Tensor:
    """Decays from 1 to 0 as (1 - p) / (1 - beta * p) (Chen et al., 2022).

    >>> [round(float(rex(t, 4.0)), 3) for t in (0.0, 2.0, 4.0)]
    [1.0, 0.909, 0.0]
    """
    p = progress(t, T)
    return (1.0 - p) / (1.0 - beta * p)


def cooldown(
    t: tf.Tensor,
    T: tf.Tensor,
    last: Duration = _FIFTH,
    shape: str = "linear",
    end: float = 0.0,
) -> tf.Tensor:
    """Holds at 1, then decays to `end` over the `last` steps.

    Use it as a factor, as in `(warmup(500) + rsqrt) * cooldown(last=10%)`. To follow
    another schedule, as in `constant + decay(10%)`, `decay` is simpler.

    >>> [float(cooldown(t, 10.0, last=4)) for t in (0.0, 6.0, 8.0, 10.0)]
    [1.0, 1.0, 0.5, 0.0]
    """
    steps = as_steps(last)
    return decay(
        tf.maximum(t - (T - steps), 0.0), tf.constant(float(steps)), shape, end
    )


def decay(
    t: tf.Tensor, T: tf.Tensor, shape: str = "linear", end: float = 0.0
) -> tf.Tensor:
    """Decays from 1 to `end`.

    >>> [float(decay(t, 4.0, shape="1-sqrt")) for t in (0.0, 1.0, 4.0)]
    [1.0, 0.5, 0.0]

    Args:
        t: Steps since the schedule began.
        T: Its length in steps.
        shape: "linear", "cosine", "1-sqrt" (Haegele et al., 2024), or "exp".
        end: Multiplier at the end.
    """
    p = progress(t, T)
    floor = _EXPONENTIAL_FLOOR
    falls: dict[str, Callable[[], tf.Tensor]] = {
        "linear": lambda: 1.0 - p,
        "cosine": lambda: 0.5 * (1.0 + tf.cos(math.pi * p)),
        "1-sqrt": lambda: 1.0 - tf.sqrt(p),
        "exp": lambda: (floor**p - floor) / (1.0 - floor),
    }
    return end + (1.0 - end) * _one_of(falls, "shape", shape)()


def wsd(
    t: tf.Tensor,
    T: tf.Tensor,
    warmup: Duration = _TWENTIETH,
    decay: Duration = _FIFTH,
    shape: str = "linear",
    end: float = 0.0,
    warmup_start: float = 0.0,
    stable_shape: str = "constant",
    timescale: float = 10_000.0,
) -> tf.Tensor:
    """Warms up, holds, and decays over the last `decay` steps (Hu et al., 2024).

    With `stable_shape="constant"` it is `warmup + constant + decay`. With "rsqrt" the
    multiplier also decays in between, and continues to during the final decay, as in
    timm.

    >>> [float(wsd(t, 10.0, warmup=2, decay=4)) for t in (1.0, 5.0, 8.0, 10.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    since_warmup = tf.maximum(t - warmup, 0.0)
    shapes: dict[str, Callable[[], tf.Tensor]] = {
        "constant": lambda: tf.ones([]),
        "rsqrt": lambda: rsqrt(since_warmup, T, timescale),
    }
    stable = _one_of(shapes, "stable_shape", stable_shape)()
    remaining = cooldown(t, T, decay, shape)
    risen = progress(t, tf.constant(float(as_steps(warmup))))
    decaying = end + (stable - end) * remaining
    value = tf.where(t > T - decay, decaying, stable)
    return tf.where(t < warmup, warmup_start + (1.0 - warmup_start) * risen, value)


def exp_interp(
    t: tf.Tensor, T: tf.Tensor, start: float = 1e-7, end: float = 10.0
) -> tf.Tensor:
    """Grows exponentially from `start` to `end`, as in learning-rate range tests.

    >>> [round(float(exp_interp(t, 4.0, 0.01, 1.0)), 4) for t in (0.0, 2.0, 4.0)]
    [0.01, 0.1, 1.0]
    """
    if not (start > 0 and end > 0):
        raise UsageError(f"start and end must be positive, not {start} and {end}")
    return start * (end / start) ** progress(t, T)


def noise(
    t: tf.Tensor, T: tf.Tensor, pct: float = 0.67, std: float = 1.0, seed: int = 42
) -> tf.Tensor:
    """Is 1 plus truncated normal noise, drawn independently at each step.

    Use it as a factor. As in timm, the noise has the standard deviation `std` and is
    truncated to [-pct, pct]; here by inverting the distribution function, where timm
    uses rejection sampling.

    >>> 0.33 <= float(noise(3.0, 10.0)) <= 1.67
    True
    """
    if not std > 0:
        raise UsageError(f"std must be positive, not {std}")
    step = tf.cast(t, tf.int64)
    draws = Draws(seed, step, tf.zeros_like(step), rows=1)
    u = draws.uniform("schedule/noise", 1)[0, 0] + 2.0**-25
    edge = 0.5 * math.erfc(pct / std / math.sqrt(2.0))
    return 1.0 + std * tf.math.ndtri(edge + (1.0 - 2.0 * edge) * u)


def progress(t: tf.Tensor, T: tf.Tensor) -> tf.Tensor:
    """Returns the fraction of T that has passed at t, from 0 to 1."""
    return tf.clip_by_value(t / tf.maximum(T, 1.0), 0.0, 1.0)


def as_steps(length: Duration) -> float:
    """Returns a length as steps, to which it was converted before the call."""
    return cast(float, length)


def _one_of(
    options: dict[str, Callable[[], tf.Tensor]], name: str, value: str
) -> Callable[[], tf.Tensor]:
    if value not in options:
        raise UsageError(f"{name} must be one of {', '.join(options)}, not {value!r}")
    return options[value]
