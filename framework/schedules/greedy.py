"""Raises the learning rate while a metric improves, and lowers it while it does not."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from framework.config.durations import Duration
from framework.errors import UsageError
from framework.numerics.metrics import direction
from framework.numerics.variables import state_variable
from framework.schedules.controller import Controller


@dataclasses.dataclass(frozen=True, eq=False)
class Greedy(Controller):
    """Raises its scale after good evaluations in a row, and lowers it after bad ones.

    More than `patience` of them make a change, as in Transformers' GreedyLR.

    Attributes:
        monitor: The metric to watch; by its name less or more of it is better.
        factor: What the scale is multiplied or divided by.
        patience: How many evaluations in a row change nothing yet.
        abs: By how much an evaluation must beat the best to be good.
        min_scale: The smallest scale.
        max_scale: The largest.
        start: From when on evaluations count; see `Controller`.

    Raises:
        UsageError: A value that makes no sense.
    """

    monitor: str = "validation/loss"
    factor: float = 0.95
    patience: int = 10
    abs: float = 1e-6
    min_scale: float = 1e-3
    max_scale: float = 10.0
    start: Duration | None = None

    def __post_init__(self):
        if not (0.0 < self.factor < 1.0 and 0.0 <= self.min_scale <= 1.0):
            raise UsageError("factor and min_scale must be between 0 and 1")
        if self.patience < 0 or self.max_scale < 1.0:
            raise UsageError("patience must be 0 or more, and max_scale 1 or more")

    def new_state(self):
        """See base class."""
        return {
            "scale": state_variable(1.0, tf.float32),
            "best": state_variable(-float("inf"), tf.float32),
            "bad": state_variable(0, tf.int32),
            "good": state_variable(0, tf.int32),
        }

    def observe(self, state, metric):
        """See base class."""
        value, best = direction(self.monitor) * metric, state["best"].read_value()
        better = tf.math.is_finite(value) & (value > best + self.abs)
        bad = tf.where(better, 0, state["bad"] + 1)
        good = tf.where(better, state["good"] + 1, 0)
        lower, raise_ = bad > self.patience, good > self.patience
        scale = tf.where(lower, state["scale"] * self.factor, state["scale"])
        scale = tf.where(raise_, scale / self.factor, scale)
        state["scale"].assign(tf.clip_by_value(scale, self.min_scale, self.max_scale))
        state["best"].assign(tf.where(better, value, best))
        state["bad"].assign(tf.where(lower, 0, bad))
        state["good"].assign(tf.where(raise_, 0, good))

    def record(self, state):
        """See base class."""
        return {name: float(state[name].numpy()) for name in ("scale", "bad", "good")}
