"""How a learning rate can go: pure functions of time, in multiples of the peak.

Each takes `t`, the updates since its part of the schedule began, and `T`, how many its
part takes, both float32 scalars, and returns a float32 scalar. Their other parameters
are what a spec can set; one hinted as `Duration` arrives in steps. After T each stays
where it has come to, unless its docstring says otherwise.

Those that go in cycles are in `cycles`, those given by a table in `tables`.
"""
# ruff: noqa: N803, N806

from __future__ import annotations

import math

import tensorflow as tf

from framework.config.durations import Duration
from framework.errors import UsageError
from framework.numerics.draws import Draws

_FIFTH = Duration(20, "%")
_TWENTIETH = Duration(5, "%")
# Where an exponential cool-down would end if it were not stretched to `end`; timm's.
_EXPONENTIAL_REST = 0.1


def constant(t: tf.Tensor, T: tf.Tensor, factor: float = 1.0) -> tf.Tensor:
    """Stays at `factor`."""
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

    Args:
        t: Updates so far.
        T: How many it takes.
        start: Where it begins.
        end: Where it ends.
        shape: "linear"; "polynomial", as t**power; "cosine"; "1-sqrt"; "exponential",
            by equal ratios, for which `start` must be positive.
        power: Of "linear" and "polynomial".
        first: 0 for a first update at `start`, which does nothing if that is 0; 1 for
            (t + 1) / T, as torchtitan has it.
    """
    p = progress(t + first, T)
    if shape == "exponential":
        if start <= 0.0:
            raise UsageError(f"start must be positive for this shape, not {start}")
        return start * (end / start) ** p
    rises = {
        "linear": lambda: p**power,
        "polynomial": lambda: p**power,
        "cosine": lambda: 0.5 * (1.0 - tf.cos(math.pi * p)),
        "1-sqrt": lambda: 1.0 - tf.sqrt(1.0 - p),
    }
    return start + (end - start) * _one_of(rises, "shape", shape)()


def linear(t: tf.Tensor, T: tf.Tensor, end: float = 0.0) -> tf.Tensor:
    """Goes from 1 to `end` in a straight line."""
    return 1.0 + (end - 1.0) * progress(t, T)


def polynomial(
    t: tf.Tensor,
    T: tf.Tensor,
    end: float = 0.0,
    power: float = 1.0,
    k: float = 1.0,
    cycle: bool = False,
) -> tf.Tensor:
    """Goes from 1 to `end` as (1 - p**k)**power, p from 0 to 1.

    Args:
        t: Updates so far.
        T: How many it takes.
        end: Where it ends.
        power: The exponent.
        k: Of k-decay (Zhang, 2020): above 1 the rate stays high for longer.
        cycle: Whether it is stretched to 2T, 3T... each time it is over, as in Keras.
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
    """Falls by the factor `decay_rate` in each `decay_steps`, not below `end`."""
    periods = tf.floor(t / decay_steps) if staircase else t / decay_steps
    return tf.maximum(decay_rate**periods, end)


def multiplicative(t: tf.Tensor, T: tf.Tensor, factor: float = 0.95) -> tf.Tensor:
    """Is multiplied by `factor` at each update."""
    return factor**t


def inverse_time(
    t: tf.Tensor,
    T: tf.Tensor,
    decay_steps: Duration = Duration(1),  # noqa: B008
    decay_rate: float = 1.0,
    staircase: bool = False,
) -> tf.Tensor:
    """Falls as 1 / (1 + decay_rate * t / decay_steps)."""
    periods = tf.floor(t / decay_steps) if staircase else t / decay_steps
    return 1.0 / (1.0 + decay_rate * periods)


def cosine(
    t: tf.Tensor,
    T: tf.Tensor,
    end: float = 0.0,
    exponent: float = 1.0,
    k: float = 1.0,
) -> tf.Tensor:
    """Falls from 1 to `end` along half a cosine (Loshchilov & Hutter, 2017).

    Args:
        t: Updates so far.
        T: How many it takes.
        end: Where it ends.
        exponent: To which the cosine is raised, as in optax.
        k: Of k-decay, see `polynomial`.
    """
    fall = 0.5 * (1.0 + tf.cos(math.pi * progress(t, T) ** k))
    return end + (1.0 - end) * fall**exponent


def rsqrt(
    t: tf.Tensor, T: tf.Tensor, timescale: float = 10_000.0, shift: float = 0.0
) -> tf.Tensor:
    """Falls as 1 / sqrt(1 + (t + shift) / timescale), without end."""
    return tf.math.rsqrt(1.0 + (t + shift) / timescale)


def noam(
    t: tf.Tensor,
    T: tf.Tensor,
    model_dim: int = 512,
    warmup: Duration = _TWENTIETH,
) -> tf.Tensor:
    """Rises, then falls as 1 / sqrt(t), over sqrt(model_dim) (Vaswani et al., 2017)."""
    count = t + 1.0
    return model_dim**-0.5 * tf.minimum(count**-0.5, count * warmup**-1.5)


def power(t: tf.Tensor, T: tf.Tensor, power: float = -0.5) -> tf.Tensor:
    """Goes as max(t, 1)**power, without end."""
    return tf.maximum(t, 1.0) ** power


def tanh(
    t: tf.Tensor, T: tf.Tensor, end: float = 0.0, lb: float = -7.0, ub: float = 3.0
) -> tf.Tensor:
    """Falls from near 1 to `end` as tanh from `lb` to `ub` (Hsueh et al., 2019)."""
    p = progress(t, T)
    fall = 0.5 * (1.0 - tf.tanh(lb * (1.0 - p) + ub * p))
    return tf.where(p < 1.0, end + (1.0 - end) * fall, end)


def rex(t: tf.Tensor, T: tf.Tensor, beta: float = 0.9) -> tf.Tensor:
    """Falls from 1 to 0 as (1 - p) / (1 - beta * p) (Chen et al., 2022)."""
    p = progress(t, T)
    return (1.0 - p) / (1.0 - beta * p)


def cooldown(
    t: tf.Tensor,
    T: tf.Tensor,
    last: Duration = _FIFTH,
    shape: str = "linear",
    end: float = 0.0,
) -> tf.Tensor:
    """Stays at 1 until `last` steps before the end, then falls to `end`.

    It is meant as a factor: `(warmup(500) + rsqrt) * cooldown(last=10%)`. After another
    part, as in `constant + decay(10%)`, `decay` is the simpler way.
    """
    return decay(tf.maximum(t - (T - last), 0.0), tf.constant(float(last)), shape, end)


def decay(
    t: tf.Tensor, T: tf.Tensor, shape: str = "linear", end: float = 0.0
) -> tf.Tensor:
    """Falls from 1 to `end`.

    Args:
        t: Updates so far.
        T: How many it takes.
        shape: "linear", "cosine", "1-sqrt" (Haegele et al., 2024), or "exp".
        end: Where it ends.
    """
    p = progress(t, T)
    rest = _EXPONENTIAL_REST
    falls = {
        "linear": lambda: 1.0 - p,
        "cosine": lambda: 0.5 * (1.0 + tf.cos(math.pi * p)),
        "1-sqrt": lambda: 1.0 - tf.sqrt(p),
        "exp": lambda: (rest**p - rest) / (1.0 - rest),
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
    """Warms up, stays, and cools down over the last `decay` steps (Hu et al., 2024).

    With `stable_shape="constant"` it is `warmup + constant + decay`; with "rsqrt" the
    rate falls in between as well, and goes on doing so while it cools down (timm's).
    """
    since = tf.maximum(t - warmup, 0.0)
    stays = {
        "constant": lambda: tf.ones([]),
        "rsqrt": lambda: rsqrt(since, T, timescale),
    }
    stable = _one_of(stays, "stable_shape", stable_shape)()
    left = cooldown(t, T, decay, shape)
    risen = progress(t, tf.constant(float(warmup)))
    falling = end + (stable - end) * left
    value = tf.where(t > T - decay, falling, stable)
    return tf.where(t < warmup, warmup_start + (1.0 - warmup_start) * risen, value)


def exp_interp(
    t: tf.Tensor, T: tf.Tensor, start: float = 1e-7, end: float = 10.0
) -> tf.Tensor:
    """Goes from `start` to `end` by equal ratios, as range tests do."""
    if not (start > 0 and end > 0):
        raise UsageError(f"start and end must be positive, not {start} and {end}")
    return start * (end / start) ** progress(t, T)


def noise(
    t: tf.Tensor, T: tf.Tensor, pct: float = 0.67, std: float = 1.0, seed: int = 42
) -> tf.Tensor:
    """Is 1 + n with n drawn anew for each step; meant as a factor.

    As in timm, n is normal with deviation `std`, kept from -pct to pct; here by the
    inverse of its distribution function, where timm draws until it fits.
    """
    if not std > 0:
        raise UsageError(f"std must be positive, not {std}")
    step = tf.cast(t, tf.int64)
    draws = Draws(seed, step, tf.zeros_like(step), rows=1)
    u = draws.uniform("schedule/noise", 1)[0, 0] + 2.0**-25
    edge = 0.5 * math.erfc(pct / std / math.sqrt(2.0))
    return 1.0 + std * tf.math.ndtri(edge + (1.0 - 2.0 * edge) * u)


def progress(t: tf.Tensor, T: tf.Tensor) -> tf.Tensor:
    """Returns how much of T is over at t, from 0 to 1."""
    return tf.clip_by_value(t / tf.maximum(T, 1.0), 0.0, 1.0)


def _one_of(options: dict, name: str, value: str) -> object:
    if value not in options:
        raise UsageError(f"{name} must be one of {', '.join(options)}, not {value!r}")
    return options[value]
