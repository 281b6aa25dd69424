"""Shapes that rise and fall, once or many times; see `shapes` for how to read them."""
# ruff: noqa: N803

from __future__ import annotations

import math

import tensorflow as tf

from framework.durations import Duration
from framework.errors import UsageError
from framework.schedules.shapes import progress
from framework.schedules.tables import interpolated

_TENTH = Duration(10, "%")


def cosine_restarts(
    t: tf.Tensor,
    T: tf.Tensor,
    first: Duration = _TENTH,
    t_mul: float = 1.0,
    m_mul: float = 1.0,
    end: float = 0.0,
    cycles: int = 0,
) -> tf.Tensor:
    """Falls along half a cosine again and again (SGDR, Loshchilov & Hutter, 2017).

    Args:
        t: Updates so far.
        T: How many it takes; cycles go on beyond, unless their number is given.
        first: The length of the first cycle.
        t_mul: By how much each cycle is longer than the one before.
        m_mul: The peak of each cycle over that of the one before, as in Keras.
        end: Where each cycle ends.
        cycles: If not 0, so many equal cycles fill T, and `end` comes after, as in
            Transformers; `first` and `t_mul` then have no meaning.
    """
    if cycles:
        length = T / cycles
        number = tf.floor(t / length)
        within = t / length - number
    else:
        number, within = _cycle(t, float(first), t_mul)
    fall = m_mul**number * 0.5 * (1.0 + tf.cos(math.pi * within))
    value = end + (1.0 - end) * fall
    return tf.where(t < T, value, end) if cycles else value


def _cycle(t: tf.Tensor, first: float, growth: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns which cycle this is, from 0, and how much of it is over."""
    if growth == 1.0:
        number = tf.floor(t / first)
        return number, t / first - number
    number = tf.floor(tf.math.log1p(t / first * (growth - 1.0)) / math.log(growth))

    def begin(number: tf.Tensor) -> tf.Tensor:
        return first * (growth**number - 1.0) / (growth - 1.0)

    # The logarithm can miss by a step at the very beginning of a cycle.
    number = tf.where(t >= begin(number + 1.0), number + 1.0, number)
    number = tf.where(t < begin(number), number - 1.0, number)
    return number, (t - begin(number)) / (first * growth**number)


def one_cycle(
    t: tf.Tensor,
    T: tf.Tensor,
    pct_start: float = 0.3,
    div: float = 25.0,
    final_div: float = 1e4,
    shape: str = "cos",
    three_phase: bool = False,
    torch: bool = False,
) -> tf.Tensor:
    """Rises from 1/div to 1 and falls to 1/div/final_div (Smith & Topin, 2018).

    Args:
        t: Updates so far.
        T: How many it takes.
        pct_start: Share of T that the rise takes, from 0 to 1; to 0.5 in three phases.
        div: The peak over the start.
        final_div: The start over the end.
        shape: "cos" or "linear" between the knots.
        three_phase: Whether it first falls back to 1/div, as fast as it rose.
        torch: Whether knots are one update earlier, where PyTorch has them: the last
            update is then at the end. Else they are where optax has them.

    Raises:
        UsageError: `pct_start` is out of range.
    """
    _check_fraction("pct_start", pct_start, 0.5 if three_phase else 1.0)
    early = 1.0 if torch else 0.0
    up = pct_start * T - early if torch else tf.floor(pct_start * T)
    low, last = 1.0 / div, 1.0 / div / final_div
    knots, values = [0.0 * T, up, T - early], [low, 1.0, last]
    if three_phase:
        knots.insert(2, 2.0 * up)
        values.insert(2, low)
    return interpolated(t, tf.stack(knots), values, shape)


def flat_cos(
    t: tf.Tensor, T: tf.Tensor, pct_start: float = 0.75, end: float = 1e-5
) -> tf.Tensor:
    """Stays at 1, then falls to `end` along half a cosine (fastai's fit_flat_cos)."""
    _check_fraction("pct_start", pct_start)
    p = progress(t - pct_start * T, (1.0 - pct_start) * T)
    return end + (1.0 - end) * 0.5 * (1.0 + tf.cos(math.pi * p))


def cyclic(
    t: tf.Tensor,
    T: tf.Tensor,
    max: float = 10.0,
    up: Duration = _TENTH,
    down: Duration | None = None,
    mode: str = "triangular",
    gamma: float = 1.0,
) -> tf.Tensor:
    """Rises from 1 to `max` and falls back, again and again (Smith, 2017).

    Args:
        t: Updates so far.
        T: How many it takes; cycles go on beyond.
        max: The height of the first cycle; 1 is its foot.
        up: How long it rises.
        down: How long it falls; as long if not given.
        mode: "triangular"; "triangular2", each cycle half as high; "exp_range", its
            height times gamma**t.
        gamma: Of "exp_range".
    """
    down = up if down is None else down
    number = tf.floor(t / (up + down))
    within = t - number * (up + down)
    height = tf.where(within <= up, within / up, 1.0 - (within - up) / down)
    scales = {
        "triangular": lambda: 1.0,
        "triangular2": lambda: 0.5**number,
        "exp_range": lambda: gamma**t,
    }
    if mode not in scales:
        raise UsageError(f"mode must be one of {', '.join(scales)}, not {mode!r}")
    return 1.0 + (max - 1.0) * height * scales[mode]()


def _check_fraction(name: str, value: float, most: float = 1.0) -> None:
    """Raises UsageError if a share of the run is out of range."""
    if not 0 <= value <= most:
        raise UsageError(f"{name} must be from 0 to {most:g}, not {value}")
