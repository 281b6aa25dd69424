"""Raises the learning rate while a metric improves, and lowers it otherwise."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from framework.config.durations import Duration
from framework.errors import UsageError
from framework.numerics.metrics import direction
from framework.numerics.variables import state_variable
from framework.schedules.algebra import Controller, State


@dataclasses.dataclass(frozen=True, eq=False)
class Greedy(Controller):
    """Raises the scale after consecutive good evaluations, lowers it after bad ones.

    More than `patience` in a row cause a change, as in Transformers' GreedyLR.

    >>> greedy = Greedy(factor=0.5, patience=1)
    >>> state = greedy.new_state()
    >>> for loss in (1.0, 2.0, 2.0):
    ...     greedy.observe(state, tf.constant(loss))
    >>> greedy.record(state)
    {'scale': 0.5, 'bad': 0.0, 'good': 0.0}

    Attributes:
        monitor: The metric to observe; its name decides whether less or more is better.
        factor: The scale is multiplied by this to lower it, divided to raise it.
        patience: Consecutive evaluations without a change of the scale.
        abs: The least improvement on the best value, in units of the metric.
        min_scale: The lower bound of the scale.
        max_scale: The upper bound of the scale.
        start: When to start observing evaluations; see `Controller`.

    Raises:
        UsageError: A value is out of range.
    """

    monitor: str = "validation/loss"
    factor: float = 0.95
    patience: int = 10
    abs: float = 1e-6
    min_scale: float = 1e-3
    max_scale: float = 10.0
    start: Duration | None = None

    def __post_init__(self) -> None:
        if not (0.0 < self.factor < 1.0 and 0.0 <= self.min_scale <= 1.0):
            raise UsageError(
                f"factor and min_scale must be between 0 and 1, not {self.factor} and "
                f"{self.min_scale}"
            )
        if self.patience < 0 or self.max_scale < 1.0:
            raise UsageError(
                f"patience must be 0 or more, and max_scale 1 or more, not "
                f"{self.patience} and {self.max_scale}"
            )

    def new_state(self) -> dict[str, tf.Variable]:
        """See base class."""
        return {
            "scale": state_variable(1.0, tf.float32),
            "best": state_variable(-float("inf"), tf.float32),
            "bad": state_variable(0, tf.int32),
            "good": state_variable(0, tf.int32),
        }

    def observe(self, state: State, metric: tf.Tensor) -> None:
        """See base class."""
        value, best = direction(self.monitor) * metric, state["best"].read_value()
        is_better = tf.math.is_finite(value) & (value > best + self.abs)
        bad = tf.where(is_better, 0, state["bad"] + 1)
        good = tf.where(is_better, state["good"] + 1, 0)
        is_lowered, is_raised = bad > self.patience, good > self.patience
        scale = tf.where(is_lowered, state["scale"] * self.factor, state["scale"])
        scale = tf.where(is_raised, scale / self.factor, scale)
        state["scale"].assign(tf.clip_by_value(scale, self.min_scale, self.max_scale))
        state["best"].assign(tf.where(is_better, value, best))
        state["bad"].assign(tf.where(is_lowered, 0, bad))
        state["good"].assign(tf.where(is_raised, 0, good))

    def record(self, state: State) -> dict[str, float]:
        """See base class."""
        return {name: float(state[name].numpy()) for name in ("scale", "bad", "good")}
