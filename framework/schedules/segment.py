"""A schedule function with its parameters and its length."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from framework.config import reference
from framework.config.durations import Duration
from framework.errors import UsageError
from framework.schedules.algebra import Clock, Controller, Curve, Schedule
from framework.schedules.shapes import warmup

_NO_STEPS = Duration(0)


@dataclasses.dataclass(frozen=True)
class Segment(Schedule):
    """A function of `framework.schedules.shapes`, or a user's, with its parameters.

    Attributes:
        function: From (t, T, **parameters) to the multiplier.
        parameters: By name.
        duration: The length; None to fill the remaining steps.
        skip: How much is cut off at the beginning.
    """

    function: Callable[..., tf.Tensor]
    parameters: Mapping[str, Any]
    duration: Duration | None = None
    skip: Duration = _NO_STEPS

    def length(self, clock: Clock) -> int | None:
        """See base class."""
        if self.duration is None:
            return None
        return max(clock.steps(self.duration) - clock.steps(self.skip), 0)

    def bind(
        self, clock: Clock, steps: int, scales: Mapping[Controller, tf.Variable]
    ) -> Curve:
        """See base class."""
        own = self.length(clock)
        if own is not None and own > steps:
            raise UsageError(
                f"a part of the schedule takes {own} steps, but only {steps} are "
                f"available; shorten it, or give a longer --train_for"
            )
        skipped = clock.steps(self.skip)
        total = float((steps if own is None else own) + skipped)
        parameters = {
            name: _in_steps(value, clock)
            for name, value in self.resolved_parameters().items()
        }

        def curve(t: tf.Tensor) -> tf.Tensor:
            t = tf.cast(t + skipped, tf.float32)
            try:
                value = self.function(t, tf.constant(total), **parameters)
            except UsageError:
                raise
            except (ArithmeticError, ValueError) as problem:
                # Such as a parameter of 0 that the function divides by.
                name = _name_of(self.function)
                raise UsageError(f"{name}: {reference.summary(problem)}") from problem
            return _as_scalar(value, self.function)

        return curve

    def controllers(self) -> Iterator[Controller]:
        """See base class."""
        return iter(())

    def leading_warmup(self, clock: Clock) -> int:
        """See base class."""
        return self.length(clock) or 0 if self.function is warmup else 0

    def parts(self, clock: Clock, steps: int) -> list[tuple[int, str]]:
        """See base class."""
        del steps
        length = self.length(clock)
        lasting = "" if length is None else f" for {length:,} steps"
        return [(0, f"{_name_of(self.function)}{lasting}")]

    def resolved_parameters(self) -> dict[str, Any]:
        """Returns all parameters: defaults filled in, lengths parsed.

        Raises:
            UsageError: A parameter must be a length, and is not.
        """
        values = {}
        for parameter in list(inspect.signature(self.function).parameters.values())[2:]:
            value = self.parameters.get(parameter.name, parameter.default)
            if "Duration" in str(parameter.annotation) and value is not None:
                value = _parse_durations(parameter.name, value)
            values[parameter.name] = value
        return values


def _parse_durations(name: str, value: Any) -> Any:
    """Returns the parsed length, or tuple of lengths, of a parameter."""
    if isinstance(value, (tuple, list)):
        return tuple(_parse_durations(name, element) for element in value)
    length = Duration.parse(value)
    if length.value <= 0:
        raise UsageError(f"{name} must be positive, not {value}")
    return length


def _in_steps(value: Any, clock: Clock) -> Any:
    """Converts lengths, also those in tuples, to steps; returns all else unchanged."""
    if isinstance(value, tuple):
        return tuple(_in_steps(element, clock) for element in value)
    # At least 1: functions divide by lengths.
    return max(clock.steps(value), 1) if isinstance(value, Duration) else value


def _as_scalar(value: Any, function: Callable[..., Any]) -> tf.Tensor:
    """Returns the result of a schedule function as a float32 scalar.

    Raises:
        UsageError: It is not a scalar; a user's own function can return anything.
    """
    try:
        number = tf.cast(value, tf.float32)
    except Exception:
        # TensorFlow raises exceptions of several classes, depending on the value.
        number = None
    if number is None or number.shape.rank:
        name = _name_of(function)
        raise UsageError(f"{name}(t, T, ...) must return one number, not {value!r}")
    return number


def _name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "a schedule")
