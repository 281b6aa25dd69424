"""Cuts the learning rate when a metric no longer improves."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from framework.errors import UsageError
from framework.metrics import direction
from framework.schedules.algebra import Schedule


class Controller(Schedule):
    """A schedule that reacts to metrics: settings here, what it learns in variables.

    Attributes:
        monitor: The metric it watches.
    """

    monitor: str

    @abc.abstractmethod
    def start(self) -> dict[str, tf.Variable]:
        """Returns its variables as they are before training; "scale" is among them."""

    @abc.abstractmethod
    def observe(self, state: Mapping[str, tf.Variable], metric: tf.Tensor) -> None:
        """Takes note of a new value of the metric (float32 scalar), in graph ops."""

    @abc.abstractmethod
    def record(self, state: Mapping[str, tf.Variable]) -> dict[str, float]:
        """Returns what is worth a curve, by name."""

    def length(self, clock):
        """See base class."""
        return None

    def bind(self, clock, steps, scales):
        """See base class."""
        return lambda t: scales[self].read_value()

    def controllers(self):
        """See base class."""
        yield self


@dataclasses.dataclass(frozen=True, eq=False)
class Plateau(Controller):
    """Multiplies its scale by `factor` after `patience` evaluations of no improvement.

    Counts as `keras.callbacks.ReduceLROnPlateau` and `optax.contrib.reduce_on_plateau`
    do: the cut comes at the `patience`-th bad evaluation in a row (PyTorch's at the one
    after it). `cooldown` evaluations after a cut do not count, as in PyTorch and optax
    (Keras leaves out one less). A value that is NaN or infinite is bad and never the
    best. The new scale holds from the next step on.

    Attributes:
        monitor: The metric to watch.
        mode: "min" if less of it is better, "max" if more is, "auto" by its name.
        factor: What a cut multiplies the scale by.
        patience: How many bad evaluations in a row cause a cut.
        rel: By which share of the best value an evaluation must beat it.
        abs: By how much it must beat it besides.
        cooldown: How many evaluations after a cut do not count.
        min_scale: The smallest scale.
        window: How many values are averaged to one evaluation.

    Raises:
        UsageError: A value that makes no sense.
    """

    monitor: str = "validation/loss"
    mode: str = "auto"
    factor: float = 0.1
    patience: int = 10
    rel: float = 0.0
    abs: float = 1e-4
    cooldown: int = 0
    min_scale: float = 0.0
    window: int = 1

    def __post_init__(self):
        checks = {
            "mode": (self.mode in ("auto", "min", "max"), "auto, min or max"),
            "factor": (0.0 < self.factor < 1.0, "between 0 and 1"),
            "patience": (self.patience >= 1, "at least 1"),
            "rel": (self.rel >= 0.0, "0 or more"),
            "abs": (self.abs >= 0.0, "0 or more"),
            "cooldown": (self.cooldown >= 0, "0 or more"),
            "min_scale": (0.0 <= self.min_scale <= 1.0, "from 0 to 1"),
            "window": (self.window >= 1, "at least 1"),
        }
        for name, (holds, what) in checks.items():
            if not holds:
                raise UsageError(f"{name} must be {what}, not {getattr(self, name)!r}")

    @property
    def sign(self) -> float:
        """-1 if less of the metric is better, else 1."""
        if self.mode == "auto":
            return direction(self.monitor)
        return -1.0 if self.mode == "min" else 1.0

    def start(self):
        """See base class."""

        def variable(value: float, dtype: tf.DType) -> tf.Variable:
            return tf.Variable(
                value,
                dtype=dtype,
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )

        return {
            "scale": variable(1.0, tf.float32),
            # Signed, so that more is always better.
            "best": variable(-float("inf"), tf.float32),
            "bad": variable(0, tf.int32),
            "cooling": variable(0, tf.int32),
            "sum": variable(0.0, tf.float32),
            "count": variable(0, tf.int32),
        }

    def observe(self, state, metric):
        """See base class."""
        total = state["sum"] + self.sign * metric
        full = state["count"] + 1 >= self.window
        new = self._evaluated(state, total / self.window)
        for name, value in new.items():
            state[name].assign(tf.where(full, value, state[name]))
        state["sum"].assign(tf.where(full, 0.0, total))
        state["count"].assign(tf.where(full, 0, state["count"] + 1))

    def record(self, state):
        """See base class."""
        return {
            "scale": float(state["scale"].numpy()),
            "best": self.sign * float(state["best"].numpy()),
            "bad": float(state["bad"].numpy()),
        }

    def _evaluated(
        self, state: Mapping[str, tf.Variable], value: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns the state after an evaluation of `value` (more is better)."""
        best, scale = state["best"].read_value(), state["scale"].read_value()
        cooling = state["cooling"].read_value()
        # Measured from |best|, so that it holds for metrics below 0 as well.
        bar = best + self.rel * tf.abs(best) + self.abs
        first = tf.math.is_inf(best)
        better = tf.math.is_finite(value) & (first | (value > bar))
        bad = tf.where(better | (cooling > 0), 0, state["bad"] + 1)
        cut = bad >= self.patience
        lower = tf.minimum(scale, tf.maximum(scale * self.factor, self.min_scale))
        return {
            "scale": tf.where(cut, lower, scale),
            "best": tf.where(better, value, best),
            "bad": tf.where(cut, 0, bad),
            "cooling": tf.where(cut, self.cooldown, tf.maximum(cooling - 1, 0)),
        }
