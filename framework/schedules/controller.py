"""Schedules that react to metrics."""

from __future__ import annotations

import abc
from collections.abc import Mapping

import tensorflow as tf

from framework.config.durations import Duration
from framework.schedules.algebra import Clock, Schedule

# A controller's variables, by name.
State = Mapping[str, "tf.Variable"]


class Controller(Schedule):
    """A multiplier that reacts to a metric.

    What is set is here and never changes; what is learnt is in variables, which are
    saved with the run.

    Attributes:
        monitor: The metric it watches.
        start: From when on evaluations count; None for the end of the warm-up that
            the whole schedule begins with.
        restore_best: Whether the run goes back to its best weights at each cut.
    """

    monitor: str
    start: Duration | str | int | None = None
    restore_best: bool = False

    @abc.abstractmethod
    def new_state(self) -> dict[str, tf.Variable]:
        """Returns its variables as they are before training; "scale" is among them."""

    @abc.abstractmethod
    def observe(self, state: State, metric: tf.Tensor) -> None:
        """Takes note of a new value of the metric (float32 scalar), in graph ops."""

    @abc.abstractmethod
    def record(self, state: State) -> dict[str, float]:
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

    def leading_warmup(self, clock):
        """See base class."""
        return 0


def begins(controller: Controller, schedule: Schedule, clock: Clock) -> int:
    """Returns after how many steps a controller's first evaluation may be."""
    if controller.start is None:
        return schedule.leading_warmup(clock)
    return clock.steps(Duration.parse(controller.start))
