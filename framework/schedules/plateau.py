"""Cuts the learning rate when a metric no longer improves."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from framework.config.durations import Duration
from framework.errors import UsageError
from framework.numerics.metrics import direction
from framework.numerics.variables import state_variable
from framework.schedules.controller import Controller, State

# What the presets of `like` improve by: (rel, abs).
_THRESHOLDS = {
    None: (0.0, 1e-4),
    "keras": (0.0, 1e-4),
    "torch": (1e-4, 0.0),
    "optax": (1e-4, 0.0),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Plateau(Controller):
    """Multiplies its scale by `factor` after `patience` evaluations of no improvement.

    The peers' reducers are one automaton that counts differently. On its own, and with
    `like="optax"`, the cut comes at the `patience`-th bad evaluation in a row and then
    `cooldown` evaluations do not count. With `like="keras"` one less does not count;
    with `like="torch"` the cut comes one evaluation later. A NaN is bad and never the
    best, and on its own so is an infinity. The new scale holds from the next step on.

    Attributes:
        monitor: The metric to watch.
        mode: "min" if less of it is better, "max" if more is, "auto" by its name.
        factor: What a cut multiplies the scale by.
        patience: How many bad evaluations in a row cause a cut.
        rel: By which share of the best value an evaluation must beat it.
        abs: By how much it must beat it besides. If neither is given: abs=1e-4, and
            with "torch" and "optax" rel=1e-4.
        cooldown: How many evaluations after a cut do not count.
        min_scale: The smallest scale.
        window: How many values are averaged to one evaluation.
        start: From when on evaluations count, as a length; None for the end of the
            warm-up that the whole schedule begins with.
        nan: "bad" if a NaN counts as a bad evaluation, "skip" if as none.
        like: Whose rules to count by: "keras", "torch" or "optax".
        restore_best: Whether the run goes back at each cut to the weights of its best
            evaluation, by the run's own --monitor.
        max_reductions: The most cuts; 0 for any number.
        eps: A cut that lowers the scale by no more than this is not made.

    Raises:
        UsageError: A value that makes no sense.
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

    def __post_init__(self):
        least = 0 if self.like in ("keras", "torch") else 1
        rel, least_gain = self.thresholds
        checks = {
            "mode": (self.mode in ("auto", "min", "max"), "auto, min or max"),
            "factor": (0.0 < self.factor < 1.0, "between 0 and 1"),
            "patience": (self.patience >= least, f"at least {least}"),
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
        for name, (holds, what) in checks.items():
            if not holds:
                raise UsageError(f"{name} must be {what}, not {getattr(self, name)!r}")
        if self.start is not None:
            Duration.parse(self.start)

    @property
    def sign(self) -> float:
        """-1 if less of the metric is better, else 1."""
        if self.mode == "auto":
            return direction(self.monitor)
        return -1.0 if self.mode == "min" else 1.0

    @property
    def thresholds(self) -> tuple[float, float]:
        """By which share of the best, and by how much, an evaluation must beat it."""
        if self.rel is None and self.abs is None:
            return _THRESHOLDS.get(self.like, _THRESHOLDS[None])
        return self.rel or 0.0, self.abs or 0.0

    def new_state(self):
        """See base class."""
        return {
            "scale": state_variable(1.0, tf.float32),
            # Signed, so that more is always better.
            "best": state_variable(-float("inf"), tf.float32),
            "bad": state_variable(0, tf.int32),
            "cooling": state_variable(0, tf.int32),
            "cuts": state_variable(0, tf.int32),
            "sum": state_variable(0.0, tf.float32),
            "count": state_variable(0, tf.int32),
        }

    def observe(self, state, metric):
        """See base class."""
        counts = tf.math.logical_not(tf.math.is_nan(metric)) | (self.nan == "bad")
        total = state["sum"] + self.sign * metric
        full = counts & (state["count"] + 1 >= self.window)
        new = self._evaluated(state, total / self.window)
        for name, value in new.items():
            state[name].assign(tf.where(full, value, state[name]))
        kept = tf.where(counts, total, state["sum"])
        count = state["count"] + tf.cast(counts, tf.int32)
        state["sum"].assign(tf.where(full, 0.0, kept))
        state["count"].assign(tf.where(full, 0, count))

    def record(self, state):
        """See base class."""
        return {
            "scale": float(state["scale"].numpy()),
            "best": self.sign * float(state["best"].numpy()),
            "bad": float(state["bad"].numpy()),
        }

    def _evaluated(self, state: State, value: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the state after an evaluation of `value` (more is better)."""
        scale, cooling = state["scale"].read_value(), state["cooling"].read_value()
        better = self._is_better(state["best"].read_value(), value)
        bad = tf.where(better | (cooling > 0), 0, state["bad"] + 1)
        patience = max(self.patience, 1) + (self.like == "torch") * (self.patience > 0)
        due = bad >= patience
        lower = tf.minimum(scale, tf.maximum(scale * self.factor, self.min_scale))
        cut = due & (scale - lower > self.eps)
        if self.max_reductions:
            cut &= state["cuts"] < self.max_reductions
        cooldown = max(self.cooldown - (self.like == "keras"), 0)
        return {
            "scale": tf.where(cut, lower, scale),
            "best": tf.where(better, value, state["best"]),
            "bad": tf.where(due, 0, bad),
            "cooling": tf.where(due, cooldown, tf.maximum(cooling - 1, 0)),
            "cuts": state["cuts"] + tf.cast(cut, tf.int32),
        }

    def _is_better(self, best: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
        """Returns whether a value beats the best so far by enough."""
        rel, least_gain = self.thresholds
        # Measured from |best|, so that it holds for metrics below 0 as well.
        share = tf.where(tf.math.is_finite(best), rel * tf.abs(best), 0.0)
        beats = (best == -float("inf")) & (value > best)
        beats |= value > best + share + least_gain
        legal = tf.math.is_finite(value)
        if self.like:
            legal = tf.math.logical_not(tf.math.is_nan(value))
        return legal & beats
