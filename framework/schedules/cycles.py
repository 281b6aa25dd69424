"""Cyclic schedules; see `shapes` for their signature."""
# ruff: noqa: N803

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

from framework.config.durations import Duration
from framework.errors import UsageError
from framework.schedules.shapes import as_steps, progress
from framework.schedules.tables import interpolate_knots

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
    """Decays along half a cosine and restarts (SGDR, Loshchilov & Hutter, 2017).

    >>> [round(float(cosine_restarts(t, 8.0, first=4)), 3) for t in (0.0, 2.0, 4.0)]
    [1.0, 0.5, 1.0]

    Args:
        t: Steps since the schedule began.
        T: Its length in steps; without `cycles`, cycles continue after T.
        first: The length of the first cycle.
        t_mul: Ratio of the lengths of consecutive cycles.
        m_mul: Ratio of the peaks of consecutive cycles, as in Keras.
        end: Multiplier at the end of each cycle.
        cycles: The number of equal cycles within T, after which `end` holds, as in
            Transformers; `first` and `t_mul` are then ignored. 0 to use `first`.
    """
    if cycles:
        length = T / cycles
        number = tf.floor(t / length)
        within = t / length - number
    else:
        number, within = _cycle(t, float(as_steps(first)), t_mul)
    fall = m_mul**number * 0.5 * (1.0 + tf.cos(math.pi * within))
    value = end + (1.0 - end) * fall
    return tf.where(t < T, value, end) if cycles else value


def _cycle(t: tf.Tensor, first: float, growth: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the 0-based index of the cycle, and its elapsed fraction."""
    if growth == 1.0:
        number = tf.floor(t / first)
        return number, t / first - number
    number = tf.floor(tf.math.log1p(t / first * (growth - 1.0)) / math.log(growth))

    def start(number: tf.Tensor) -> tf.Tensor:
        return first * (growth**number - 1.0) / (growth - 1.0)

    # Rounding of the logarithm can give the neighbouring cycle at its first step.
    number = tf.where(t >= start(number + 1.0), number + 1.0, number)
    number = tf.where(t < start(number), number - 1.0, number)
    return number, (t - start(number)) / (first * growth**number)


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
    """Rises from 1/div to 1, then decays to 1/div/final_div (Smith & Topin, 2018).

    >>> [round(float(one_cycle(t, 10.0)), 3) for t in (0.0, 3.0, 10.0)]
    [0.04, 1.0, 0.0]

    Args:
        t: Steps since the schedule began.
        T: Its length in steps.
        pct_start: Fraction of T that the rise takes, from 0 to 1; to 0.5 with three
            phases.
        div: Ratio of the peak to the start.
        final_div: Ratio of the start to the end.
        shape: "cos" or "linear" between the knots.
        three_phase: Whether to fall back to 1/div first, as fast as it rose.
        torch: Whether to place the knots one step earlier, as PyTorch does, so that
            the last step has the final value; otherwise they are placed as in optax.

    Raises:
        UsageError: `pct_start` is out of range.
    """
    _check_fraction("pct_start", pct_start, 0.5 if three_phase else 1.0)
    offset = 1.0 if torch else 0.0
    up = pct_start * T - offset if torch else tf.floor(pct_start * T)
    low, last = 1.0 / div, 1.0 / div / final_div
    knots, values = [0.0 * T, up, T - offset], [low, 1.0, last]
    if three_phase:
        knots.insert(2, 2.0 * up)
        values.insert(2, low)
    return interpolate_knots(t, tf.stack(knots), values, shape)


def flat_cos(
    t: tf.Tensor, T: tf.Tensor, pct_start: float = 0.75, end: float = 1e-5
) -> tf.Tensor:
    """Holds at 1, then decays to `end` along half a cosine (fastai's fit_flat_cos).

    >>> [round(float(flat_cos(t, 8.0)), 3) for t in (0.0, 6.0, 7.0, 8.0)]
    [1.0, 1.0, 0.5, 0.0]
    """
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
    """Rises from 1 to `max` and falls back, periodically (Smith, 2017).

    >>> [float(cyclic(t, 8.0, max=3.0, up=2)) for t in (0.0, 1.0, 2.0, 3.0, 4.0)]
    [1.0, 2.0, 3.0, 2.0, 1.0]

    Args:
        t: Steps since the schedule began.
        T: Its length in steps; cycles continue after T.
        max: Peak multiplier of the first cycle; the minimum is 1.
        up: The length of each rise.
        down: The length of each fall; None for that of the rise.
        mode: "triangular"; "triangular2" halves the amplitude in each cycle;
            "exp_range" multiplies it by gamma**t.
        gamma: The base of "exp_range".
    """
    rise = as_steps(up)
    fall = rise if down is None else as_steps(down)
    number = tf.floor(t / (rise + fall))
    within = t - number * (rise + fall)
    height = tf.where(within <= rise, within / rise, 1.0 - (within - rise) / fall)
    scales: dict[str, Callable[[], tf.Tensor]] = {
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
