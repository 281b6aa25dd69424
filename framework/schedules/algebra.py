"""Schedules as expressions: `a + b` is a, then b; `a * b` their product.

An expression knows nothing of a run until it is bound to a `Clock`. Binding settles
all lengths, so that what cannot fit is refused before the first step.
"""

from __future__ import annotations

import abc
import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from framework.config import reference
from framework.config.durations import Duration
from framework.errors import UsageError
from framework.schedules.shapes import warmup

# From updates since a part began (int64 scalar) to its multiplier (float32 scalar).
Curve = Callable[["tf.Tensor"], "tf.Tensor"]


_NOTHING = Duration(0)


@dataclasses.dataclass(frozen=True)
class Clock:
    """How time runs in a run.

    Attributes:
        total_steps: How many optimizer steps it takes.
        steps_per_epoch: How many go through the training data once.
    """

    total_steps: int
    steps_per_epoch: int

    def steps(self, length: Duration) -> int:
        """Returns a length in steps."""
        return length.steps(self.steps_per_epoch, self.total_steps)


class Schedule(abc.ABC):
    """A multiplier of the learning rate over time."""

    def __add__(self, other: Schedule) -> Schedule:
        return Then(self, other)

    def __mul__(self, other: Schedule) -> Schedule:
        return Product(self, other)

    @abc.abstractmethod
    def length(self, clock: Clock) -> int | None:
        """Returns how many steps it takes; None if as many as are left for it."""

    @abc.abstractmethod
    def bind(self, clock: Clock, steps: int, scales: Mapping[Schedule, Any]) -> Curve:
        """Returns its curve.

        Args:
            clock: How time runs.
            steps: How many steps it has.
            scales: The variable that holds the multiplier of each controller.

        Raises:
            UsageError: Its parts do not fit.
        """

    @abc.abstractmethod
    def controllers(self) -> Iterator[Schedule]:
        """Yields the parts of it that react to metrics."""

    @abc.abstractmethod
    def leading_warmup(self, clock: Clock) -> int:
        """Returns how many steps of warm-up it begins with."""


@dataclasses.dataclass(frozen=True)
class Part(Schedule):
    """A function of `framework.schedules.shapes`, or of a user, with its parameters.

    Attributes:
        function: From (t, T, **parameters) to the multiplier.
        parameters: By name.
        duration: How long it is; None for as long as is left.
        skip: How much of it is left out at its beginning.
    """

    function: Callable[..., tf.Tensor]
    parameters: Mapping[str, Any]
    duration: Duration | None = None
    skip: Duration = _NOTHING

    def length(self, clock):
        """See base class."""
        if self.duration is None:
            return None
        return max(clock.steps(self.duration) - clock.steps(self.skip), 0)

    def bind(self, clock, steps, scales):
        """See base class."""
        own = self.length(clock)
        if own is not None and own > steps:
            raise UsageError(
                f"a part of the schedule takes {own} steps, but only {steps} are "
                f"there for it"
            )
        skipped = clock.steps(self.skip)
        total = float((steps if own is None else own) + skipped)
        parameters = {
            name: _in_steps(value, clock) for name, value in self.settings().items()
        }

        name = getattr(self.function, "__name__", "a schedule")

        def curve(t: tf.Tensor) -> tf.Tensor:
            t = tf.cast(t + skipped, tf.float32)
            try:
                value = self.function(t, tf.constant(total), **parameters)
            except UsageError:
                raise
            except (ArithmeticError, ValueError) as problem:
                # Parameters that it divides by, takes the logarithm of, or the like.
                raise UsageError(f"{name}: {reference.summary(problem)}") from problem
            return _number(value, self.function)

        return curve

    def controllers(self):
        """See base class."""
        return iter(())

    def leading_warmup(self, clock):
        """See base class."""
        return self.length(clock) or 0 if self.function is warmup else 0

    def settings(self) -> dict[str, Any]:
        """Returns the parameters with defaults filled in and lengths understood.

        Raises:
            UsageError: A parameter must be a length, and is not.
        """
        values = {}
        for parameter in list(inspect.signature(self.function).parameters.values())[2:]:
            value = self.parameters.get(parameter.name, parameter.default)
            if "Duration" in str(parameter.annotation) and value is not None:
                value = _durations(parameter.name, value)
            values[parameter.name] = value
        return values


def _durations(name: str, value: Any) -> Any:
    """Returns a length, or a tuple of lengths, of what a spec has for it."""
    if isinstance(value, (tuple, list)):
        return tuple(_durations(name, each) for each in value)
    length = Duration.parse(value)
    if length.value <= 0:
        raise UsageError(f"{name} must be positive, not {value}")
    return length


def _number(value: Any, function: Callable[..., Any]) -> tf.Tensor:
    """Returns a float32 scalar, which a function of the user's own may have missed."""
    try:
        number = tf.cast(value, tf.float32)
    except Exception:
        # TensorFlow has a class of its own for text, and others.
        number = None
    if number is None or number.shape.rank:
        name = getattr(function, "__name__", "a schedule")
        raise UsageError(f"{name}(t, T, ...) must return one number, not {value!r}")
    return number


def _in_steps(value: Any, clock: Clock) -> Any:
    """Returns the steps of a length, or of each in a tuple; all else as it is."""
    if isinstance(value, tuple):
        return tuple(_in_steps(each, clock) for each in value)
    # A length that is rounded to nothing would be divided by.
    return max(clock.steps(value), 1) if isinstance(value, Duration) else value


@dataclasses.dataclass(frozen=True)
class Then(Schedule):
    """One schedule and, when it is over, another, whose clock begins there."""

    first: Schedule
    second: Schedule

    def length(self, clock):
        """See base class."""
        lengths = [self.first.length(clock), self.second.length(clock)]
        return None if None in lengths else sum(lengths)

    def bind(self, clock, steps, scales):
        """See base class."""
        seam, rest = self._divide(clock, steps)
        before = self.first.bind(clock, seam, scales)
        after = self.second.bind(clock, rest, scales)

        def curve(t: tf.Tensor) -> tf.Tensor:
            # The seam is taken off in int64: float32 is exact to 2**24 only.
            return tf.where(t < seam, before(t), after(tf.maximum(t - seam, 0)))

        return curve

    def controllers(self):
        """See base class."""
        yield from self.first.controllers()
        yield from self.second.controllers()

    def leading_warmup(self, clock):
        """See base class."""
        return self.first.leading_warmup(clock)

    def _divide(self, clock: Clock, steps: int) -> tuple[int, int]:
        """Returns how many of the steps each of the two has."""
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
                f"there for them"
            )
        if None in (first, second) and fixed == steps:
            raise UsageError(
                f"the parts of the schedule take all {steps} steps there are for them, "
                f"and leave none for the one without a length"
            )
        if first is None:
            return steps - second, second
        return first, steps - first


@dataclasses.dataclass(frozen=True)
class Product(Schedule):
    """Two schedules multiplied, on the same clock."""

    first: Schedule
    second: Schedule

    def length(self, clock):
        """See base class."""
        lengths = [self.first.length(clock), self.second.length(clock)]
        return None if None in lengths else max(lengths)

    def bind(self, clock, steps, scales):
        """See base class."""
        first = self.first.bind(clock, steps, scales)
        second = self.second.bind(clock, steps, scales)
        return lambda t: first(t) * second(t)

    def controllers(self):
        """See base class."""
        yield from self.first.controllers()
        yield from self.second.controllers()

    def leading_warmup(self, clock):
        """See base class."""
        return max(self.first.leading_warmup(clock), self.second.leading_warmup(clock))
