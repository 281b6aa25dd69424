"""The learning rate of a run: base rate times schedule, as a function of the step."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import tensorflow as tf

from framework.config.durations import Duration
from framework.errors import UsageError
from framework.numerics.variables import state_variable
from framework.schedules.algebra import Clock, Controller, Schedule


class LearningRate:
    """`peak * schedule(step)`, with controllers that observe metrics.

    Create it inside the strategy's scope: the controllers' state is in variables.

    >>> from framework.schedules import build
    >>> rate = LearningRate(0.1, build("linear"), Clock(100, 10))
    >>> round(float(rate(75)), 4)
    0.025

    Args:
        peak: The base learning rate, at a multiplier of 1 (--learning_rate).
        schedule: The multiplier (--schedule).
        clock: Converts lengths to steps.

    Attributes:
        parts: The step at which each part of the schedule begins, and its name.

    Raises:
        UsageError: The schedule does not fit the run.
    """

    def __init__(self, peak: float, schedule: Schedule, clock: Clock):
        # Not a constant: runs that differ in it only can share their graphs.
        self._peak = state_variable(peak, tf.float32)
        self._controllers = [
            (controller, controller.new_state())
            for controller in schedule.controllers()
        ]
        self._starts = [
            _start(controller, schedule, clock) for controller, _ in self._controllers
        ]
        scales = {controller: state["scale"] for controller, state in self._controllers}
        length = schedule.length(clock)
        if length is not None and length > clock.total_steps:
            raise UsageError(
                f"the schedule takes {length} steps, but the run has only "
                f"{clock.total_steps}; shorten it, or give a longer --train_for"
            )
        self.parts = schedule.parts(clock, clock.total_steps)
        # From the step to the multiplier.
        self._curve = schedule.bind(clock, clock.total_steps, scales)
        self._total_steps = clock.total_steps
        self._check()

    def set_peak(self, peak: float) -> None:
        """Changes the base learning rate, also of graphs that were traced before.

        Raises:
            UsageError: The schedule gives a rate with it that cannot be.
        """
        self._peak.assign(peak)
        self._check()

    def _check(self) -> None:
        total = self._total_steps
        for step in (0, total // 2, total - 1):
            rate = float(self(tf.constant(step, tf.int64)))
            if not 0.0 <= rate < float("inf"):
                raise UsageError(
                    f"the schedule gives a learning rate of {rate:g} at step {step}, "
                    f"which must be finite and not negative"
                )

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the learning rate (float32) of the step with this 0-based index."""
        return self._peak * self._curve(tf.cast(step, tf.int64))

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """The controllers' state, to be saved in checkpoints, by name."""
        return {
            f"{index}/{name}": variable
            for index, (_, state) in enumerate(self._controllers)
            for name, variable in state.items()
        }

    @property
    def restores_best(self) -> bool:
        """Whether a reduction by a controller restores the best weights."""
        return any(controller.restore_best for controller, _ in self._controllers)

    def check_monitors(self, names: Collection[str]) -> None:
        """Checks that each evaluation measures the metrics the controllers observe.

        Args:
            names: The metrics of an evaluation.

        Raises:
            UsageError: It does not measure one of them.
        """
        for controller, _ in self._controllers:
            if controller.monitor not in names:
                raise UsageError(
                    f"the schedule watches {controller.monitor!r}, which is not "
                    f"measured; there are {', '.join(names)}"
                )

    def observe(self, step: int, metrics: Mapping[str, float]) -> bool:
        """Updates the controllers with the metrics of an evaluation.

        Args:
            step: The number of steps completed before the evaluation.
            metrics: Its metrics, by name.

        Returns:
            Whether to restore the best weights: a controller with `restore_best` has
            reduced its scale.
        """
        restore = False
        for (controller, state), start in zip(
            self._controllers, self._starts, strict=True
        ):
            if step < start:
                continue
            before = float(state["scale"].numpy())
            value = tf.constant(metrics[controller.monitor], tf.float32)
            controller.observe(state, value)
            is_reduced = float(state["scale"].numpy()) < before
            restore |= controller.restore_best and is_reduced
        return restore

    def scale(self) -> float:
        """Returns the product of the controllers' scales."""
        scales = (float(state["scale"].numpy()) for _, state in self._controllers)
        return math.prod(scales)

    def log_values(self) -> dict[str, float]:
        """Returns the controllers' logged values, by metric name.

        With several controllers, names contain the controller's index.
        """
        several = len(self._controllers) > 1
        return {
            f"schedule/{index}/{name}" if several else f"schedule/{name}": value
            for index, (controller, state) in enumerate(self._controllers)
            for name, value in controller.record(state).items()
        }


def _start(controller: Controller, schedule: Schedule, clock: Clock) -> int:
    """Returns the first step after which a controller observes evaluations."""
    if controller.start is None:
        return schedule.leading_warmup(clock)
    return clock.steps(Duration.parse(controller.start))
