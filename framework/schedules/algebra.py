"""Schedules as expressions: `a + b` runs a, then b; `a * b` multiplies them.

An expression is independent of any run until it is bound to a `Clock`. Binding resolves
all lengths, so that a schedule that does not fit the run is refused before step 0.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Iterator, Mapping

import tensorflow as tf

from framework.config.durations import Duration
from framework.errors import UsageError

# From steps since a schedule began (int64 scalar) to its multiplier (float32 scalar).
Curve = Callable[["tf.Tensor"], "tf.Tensor"]

# A controller's variables, by name.
State = Mapping[str, "tf.Variable"]


@dataclasses.dataclass(frozen=True)
class Clock:
    """Converts lengths to optimizer steps.

    Attributes:
        total_steps: Optimizer steps in the run.
        steps_per_epoch: Optimizer steps in one pass through the training data.
    """

    total_steps: int
    steps_per_epoch: int

    def steps(self, length: Duration) -> int:
        """Returns a length in steps.

        >>> Clock(total_steps=1000, steps_per_epoch=50).steps(Duration.parse("3ep"))
        150
        """
        return length.steps(self.steps_per_epoch, self.total_steps)


class Schedule(abc.ABC):
    """A multiplier of the learning rate as a function of the step."""

    def __add__(self, other: Schedule) -> Schedule:
        return Sequential(self, other)

    def __mul__(self, other: Schedule) -> Schedule:
        return Product(self, other)

    @abc.abstractmethod
    def length(self, clock: Clock) -> int | None:
        """Returns the length in steps; None if it fills the remaining steps."""

    @abc.abstractmethod
    def bind(
        self, clock: Clock, steps: int, scales: Mapping[Controller, tf.Variable]
    ) -> Curve:
        """Returns the schedule as a function of the step.

        Args:
            clock: Converts lengths to steps.
            steps: The steps available to this schedule.
            scales: The variable that holds the multiplier of each controller.

        Raises:
            UsageError: The schedule does not fit into the available steps.
        """

    @abc.abstractmethod
    def controllers(self) -> Iterator[Controller]:
        """Yields the controllers in this expression, from left to right."""

    @abc.abstractmethod
    def leading_warmup(self, clock: Clock) -> int:
        """Returns the length in steps of the warm-up at the beginning."""

    def parts(self, clock: Clock, steps: int) -> list[tuple[int, str]]:
        """Returns the step at which each part begins, in order, and its name.

        Args:
            clock: Converts lengths to steps.
            steps: The steps available to this schedule.
        """
        del clock, steps
        return [(0, type(self).__name__.lower())]


class Controller(Schedule):
    """A multiplier that reacts to a metric.

    The settings are attributes and constant; the state is in variables, which are saved
    in checkpoints.

    Attributes:
        monitor: The metric it observes.
        start: When to start observing evaluations, as a length; None for the end of the
            warm-up at the beginning of the whole schedule.
        restore_best: Whether the run returns to its best weights after each reduction.
    """

    monitor: str
    start: Duration | str | int | None = None
    restore_best: bool = False

    @abc.abstractmethod
    def new_state(self) -> dict[str, tf.Variable]:
        """Creates the variables of the initial state; one is named "scale"."""

    @abc.abstractmethod
    def observe(self, state: State, metric: tf.Tensor) -> None:
        """Updates the state with a metric (float32 scalar), in graph operations."""

    @abc.abstractmethod
    def record(self, state: State) -> dict[str, float]:
        """Returns the values of the state that are logged, by name."""

    def length(self, clock: Clock) -> int | None:
        """See base class."""
        return None

    def bind(
        self, clock: Clock, steps: int, scales: Mapping[Controller, tf.Variable]
    ) -> Curve:
        """See base class."""
        return lambda t: scales[self].read_value()

    def controllers(self) -> Iterator[Controller]:
        """See base class."""
        yield self

    def leading_warmup(self, clock: Clock) -> int:
        """See base class."""
        return 0


@dataclasses.dataclass(frozen=True)
class Sequential(Schedule):
    """Two schedules in succession; the clock of the second starts at the boundary."""

    first: Schedule
    second: Schedule

    def length(self, clock: Clock) -> int | None:
        """See base class."""
        first, second = self.first.length(clock), self.second.length(clock)
        return None if first is None or second is None else first + second

    def bind(
        self, clock: Clock, steps: int, scales: Mapping[Controller, tf.Variable]
    ) -> Curve:
        """See base class."""
        boundary = self._boundary(clock, steps)
        before = self.first.bind(clock, boundary, scales)
        after = self.second.bind(clock, steps - boundary, scales)

        def curve(t: tf.Tensor) -> tf.Tensor:
            # Subtracted in int64: float32 is exact up to 2**24 only.
            return tf.where(t < boundary, before(t), after(tf.maximum(t - boundary, 0)))

        return curve

    def controllers(self) -> Iterator[Controller]:
        """See base class."""
        yield from self.first.controllers()
        yield from self.second.controllers()

    def leading_warmup(self, clock: Clock) -> int:
        """See base class."""
        return self.first.leading_warmup(clock)

    def parts(self, clock: Clock, steps: int) -> list[tuple[int, str]]:
        """See base class."""
        boundary = self._boundary(clock, steps)
        later = self.second.parts(clock, steps - boundary)
        return [
            *self.first.parts(clock, boundary),
            *((boundary + begin, name) for begin, name in later),
        ]

    def _boundary(self, clock: Clock, steps: int) -> int:
        """Returns the step at which the second schedule starts."""
        first, second = self.first.length(clock), self.second.length(clock)
        if first is None and second is None:
            raise UsageError(
                "only one part of a sum may leave out its length; give the others "
                "one, as in warmup(5%) + cosine"
            )
        fixed = (first or 0) + (second or 0)
        if fixed > steps:
            raise UsageError(
                f"the parts of the schedule take {fixed} steps, but only {steps} are "
                f"available; shorten them, or give a longer --train_for"
            )
        if (first is None or second is None) and fixed == steps:
            raise UsageError(
                f"the parts of the schedule take all {steps} available steps and leave "
                f"none for the part without a length; shorten them"
            )
        return steps - fixed if first is None else first


@dataclasses.dataclass(frozen=True)
class Product(Schedule):
    """The product of two schedules on the same clock."""

    first: Schedule
    second: Schedule

    def length(self, clock: Clock) -> int | None:
        """See base class."""
        first, second = self.first.length(clock), self.second.length(clock)
        return None if first is None or second is None else max(first, second)

    def bind(
        self, clock: Clock, steps: int, scales: Mapping[Controller, tf.Variable]
    ) -> Curve:
        """See base class."""
        first = self.first.bind(clock, steps, scales)
        second = self.second.bind(clock, steps, scales)
        return lambda t: first(t) * second(t)

    def controllers(self) -> Iterator[Controller]:
        """See base class."""
        yield from self.first.controllers()
        yield from self.second.controllers()

    def leading_warmup(self, clock: Clock) -> int:
        """See base class."""
        return max(self.first.leading_warmup(clock), self.second.leading_warmup(clock))

    def parts(self, clock: Clock, steps: int) -> list[tuple[int, str]]:
        """See base class."""
        parts = self.first.parts(clock, steps) + self.second.parts(clock, steps)
        return sorted(parts, key=lambda part: part[0])
