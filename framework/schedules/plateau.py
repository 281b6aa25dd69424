"""Reduces the learning rate when a metric has stopped improving."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from framework.config.durations import Duration
from framework.errors import UsageError
from framework.numerics.metrics import direction
from framework.numerics.variables import state_variable
from framework.schedules.algebra import Controller, State

# Default thresholds of each preset of `like`: (rel, abs).
_THRESHOLDS: dict[str | None, tuple[float, float]] = {
    None: (0.0, 1e-4),
    "keras": (0.0, 1e-4),
    "torch": (1e-4, 0.0),
    "optax": (1e-4, 0.0),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Plateau(Controller):
    """Multiplies the scale by `factor` after `patience` evaluations of no improvement.

    Keras, PyTorch and optax have the same reducer and count differently. By default,
    and with `like="optax"`, the `patience`-th consecutive bad evaluation reduces the
    scale, and the next `cooldown` evaluations are ignored. `like="keras"` ignores one
    fewer; `like="torch"` reduces one evaluation later. A NaN counts as bad, and so does
    an infinity unless `like` is set. The new scale applies from the next step.

    >>> plateau = Plateau(factor=0.5, patience=2)
    >>> state = plateau.new_state()
    >>> for loss in (1.0, 0.8, 0.8, 0.8):
    ...     plateau.observe(state, tf.constant(loss))
    >>> float(state["scale"])
    0.5

    Attributes:
        monitor: The metric to observe.
        mode: "min" if less is better, "max" if more is better, "auto" to decide by the
            metric's name.
        factor: A reduction multiplies the scale by this.
        patience: Consecutive bad evaluations before a reduction.
        rel: The least improvement, as a fraction of the best value.
        abs: The least improvement, in units of the metric, added to `rel`. Without
            either: abs=1e-4, and with "torch" and "optax" rel=1e-4.
        cooldown: Evaluations to ignore after a reduction.
        min_scale: The lower bound of the scale.
        window: Evaluations to average before each comparison.
        start: When to start observing evaluations, as a length; None for the end of the
            warm-up at the beginning of the whole schedule.
        nan: "bad" to count a NaN as a bad evaluation, "skip" to ignore it.
        like: Count as "keras", "torch" or "optax".
        restore_best: Whether a reduction restores the weights of the run's best
            evaluation, by the run's --monitor.
        max_reductions: The maximum number of reductions; 0 for no limit.
        eps: Reductions of the scale by no more than this are not made.

    Raises:
        UsageError: A value is out of range.
    """

    monitor: str = "validation/loss"
    mode: str = "auto"
    factor: float = 0.1
    patience: int = 10
    rel: float | None = None
    abs: float | None = None
    cooldown: int = 0
    min_scale: float = 0.0
    window: int = 1
    start: Duration | None = None
    nan: str = "bad"
    like: str | None = None
    restore_best: bool = False
    max_reductions: int = 0
    eps: float = 0.0

    def __post_init__(self) -> None:
        least_patience = 0 if self.like in ("keras", "torch") else 1
        rel, least_gain = self.thresholds
        checks = {
            "mode": (self.mode in ("auto", "min", "max"), "auto, min or max"),
            "factor": (0.0 < self.factor < 1.0, "between 0 and 1"),
            "patience": (self.patience >= least_patience, f"at least {least_patience}"),
            "rel": (rel >= 0.0, "0 or more"),
            "abs": (least_gain >= 0.0, "0 or more"),
            "cooldown": (self.cooldown >= 0, "0 or more"),
            "min_scale": (0.0 <= self.min_scale <= 1.0, "from 0 to 1"),
            "window": (self.window >= 1, "at least 1"),
            "nan": (self.nan in ("bad", "skip"), "bad or skip"),
            "like": (self.like in _THRESHOLDS, "keras, torch or optax"),
            "max_reductions": (self.max_reductions >= 0, "0 or more"),
            "eps": (self.eps >= 0.0, "0 or more"),
        }
        for name, (is_valid, valid) in checks.items():
            if not is_valid:
                raise UsageError(f"{name} must be {valid}, not {getattr(self, name)!r}")
        if self.start is not None:
            Duration.parse(self.start)

    @property
    def sign(self) -> float:
        """-1 if less of the metric is better, 1 if more is."""
        if self.mode == "auto":
            return direction(self.monitor)
        return -1.0 if self.mode == "min" else 1.0

    @property
    def thresholds(self) -> tuple[float, float]:
        """The least improvement, (rel, abs), with the defaults of `like`."""
        if self.rel is None and self.abs is None:
            return _THRESHOLDS.get(self.like, _THRESHOLDS[None])
        return self.rel or 0.0, self.abs or 0.0

    def new_state(self) -> dict[str, tf.Variable]:
        """See base class."""
        return {
            "scale": state_variable(1.0, tf.float32),
            # Times `sign`, so that more is always better.
            "best": state_variable(-float("inf"), tf.float32),
            "bad": state_variable(0, tf.int32),
            "cooling": state_variable(0, tf.int32),
            "cuts": state_variable(0, tf.int32),
            "sum": state_variable(0.0, tf.float32),
            "count": state_variable(0, tf.int32),
        }

    def observe(self, state: State, metric: tf.Tensor) -> None:
        """See base class."""
        is_counted = tf.math.logical_not(tf.math.is_nan(metric)) | (self.nan == "bad")
        total = state["sum"] + self.sign * metric
        is_full = is_counted & (state["count"] + 1 >= self.window)
        updated = self._next_state(state, total / self.window)
        for name, value in updated.items():
            state[name].assign(tf.where(is_full, value, state[name]))
        partial_sum = tf.where(is_counted, total, state["sum"])
        count = state["count"] + tf.cast(is_counted, tf.int32)
        state["sum"].assign(tf.where(is_full, 0.0, partial_sum))
        state["count"].assign(tf.where(is_full, 0, count))

    def record(self, state: State) -> dict[str, float]:
        """See base class."""
        return {
            "scale": float(state["scale"].numpy()),
            "best": self.sign * float(state["best"].numpy()),
            "bad": float(state["bad"].numpy()),
        }

    def _next_state(self, state: State, value: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the state after a mean metric of `value` (more is better)."""
        scale, cooling = state["scale"].read_value(), state["cooling"].read_value()
        is_better = self._is_better(state["best"].read_value(), value)
        bad = tf.where(is_better | (cooling > 0), 0, state["bad"] + 1)
        patience = max(self.patience, 1) + (self.like == "torch") * (self.patience > 0)
        is_due = bad >= patience
        lower = tf.minimum(scale, tf.maximum(scale * self.factor, self.min_scale))
        is_reduced = is_due & (scale - lower > self.eps)
        if self.max_reductions:
            is_reduced &= state["cuts"] < self.max_reductions
        cooldown = max(self.cooldown - (self.like == "keras"), 0)
        return {
            "scale": tf.where(is_reduced, lower, scale),
            "best": tf.where(is_better, value, state["best"]),
            "bad": tf.where(is_due, 0, bad),
            "cooling": tf.where(is_due, cooldown, tf.maximum(cooling - 1, 0)),
            "cuts": state["cuts"] + tf.cast(is_reduced, tf.int32),
        }

    def _is_better(self, best: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
        """Returns whether a value improves on the best by more than the thresholds."""
        rel, least_gain = self.thresholds
        # A fraction of |best|, so that it is positive for negative metrics as well.
        relative_gain = tf.where(tf.math.is_finite(best), rel * tf.abs(best), 0.0)
        is_above = (best == -float("inf")) & (value > best)
        is_above |= value > best + relative_gain + least_gain
        is_valid = tf.math.is_finite(value)
        if self.like:
            is_valid = tf.math.logical_not(tf.math.is_nan(value))
        return is_valid & is_above
