"""The learning rate of a run: peak times schedule, as one function of the step."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import tensorflow as tf

from framework.errors import UsageError
from framework.schedules.algebra import Clock, Schedule
from framework.schedules.controller import begins


class LearningRate:
    """`peak * schedule(step)`, whose controllers are told the metrics.

    Make it inside the strategy's scope: the controllers' state is in variables.

    Args:
        peak: The rate that a multiplier of 1 stands for.
        schedule: The multiplier.
        clock: How time runs.

    Raises:
        UsageError: The schedule does not fit the run.
    """

    def __init__(self, peak: float, schedule: Schedule, clock: Clock):
        self._peak = peak
        self._controllers = [
            (part, part.new_state()) for part in schedule.controllers()
        ]
        self._begins = [begins(part, schedule, clock) for part, _ in self._controllers]
        scales = {part: state["scale"] for part, state in self._controllers}
        length = schedule.length(clock)
        if length is not None and length > clock.total_steps:
            raise UsageError(
                f"the schedule takes {length} steps, but the run only "
                f"{clock.total_steps}"
            )
        self._curve = schedule.bind(clock, clock.total_steps, scales)
        for step in (0, clock.total_steps // 2, clock.total_steps - 1):
            rate = float(self(tf.constant(step, tf.int64)))
            if not 0.0 <= rate < float("inf"):
                raise UsageError(
                    f"the schedule gives a learning rate of {rate:g} at step {step}, "
                    f"which must be finite and not negative"
                )

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the float32 rate of the update with this 0-based index (int64)."""
        return self._peak * self._curve(tf.cast(step, tf.int64))

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """What a restart needs, by name."""
        return {
            f"{index}/{name}": variable
            for index, (_, state) in enumerate(self._controllers)
            for name, variable in state.items()
        }

    def check(self, names: Collection[str]) -> None:
        """Refuses a schedule that watches a metric which no evaluation has.

        Args:
            names: The metrics of an evaluation.

        Raises:
            UsageError: Such a metric.
        """
        for controller, _ in self._controllers:
            if controller.monitor not in names:
                raise UsageError(
                    f"the schedule watches {controller.monitor!r}, which is not "
                    f"measured; there are {', '.join(names)}"
                )

    def observe(self, step: int, metrics: Mapping[str, float]) -> bool:
        """Tells the controllers the metrics of an evaluation.

        Args:
            step: After how many steps it was made.
            metrics: What it found.

        Returns:
            Whether to go back to the best weights: a controller that asks for this has
            lowered its scale.
        """
        rewind = False
        for (controller, state), begin in zip(
            self._controllers, self._begins, strict=True
        ):
            if step < begin:
                continue
            before = float(state["scale"].numpy())
            value = tf.constant(metrics[controller.monitor], tf.float32)
            controller.observe(state, value)
            lowered = float(state["scale"].numpy()) < before
            rewind |= controller.restore_best and lowered
        return rewind

    def scale(self) -> float:
        """Returns the product of the controllers' scales."""
        scales = (float(state["scale"].numpy()) for _, state in self._controllers)
        return math.prod(scales)

    def state(self) -> dict[str, float]:
        """Returns what the controllers have come to, for the record.

        Of several controllers each name has its controller's number.
        """
        several = len(self._controllers) > 1
        return {
            f"schedule/{index}/{name}" if several else f"schedule/{name}": value
            for index, (controller, state) in enumerate(self._controllers)
            for name, value in controller.record(state).items()
        }
