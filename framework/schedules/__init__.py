"""The learning-rate schedules that a `--schedule` spec can name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from framework.config import spec
from framework.config.durations import Duration
from framework.errors import UsageError
from framework.schedules import cycles, shapes, tables
from framework.schedules.algebra import (
    Clock,
    Controller,
    Product,
    Schedule,
    Sequential,
)
from framework.schedules.greedy import Greedy
from framework.schedules.learning_rate import LearningRate
from framework.schedules.plateau import Plateau
from framework.schedules.segment import Segment

# Functions are pure functions of the step; in a spec their first argument is their
# length, as in `warmup(5%)`. Classes are controllers, which react to metrics.
SCHEDULES: dict[str, Callable[..., Any]] = {
    "constant": shapes.constant,
    "warmup": shapes.warmup,
    "linear": shapes.linear,
    "polynomial": shapes.polynomial,
    "exponential": shapes.exponential,
    "multiplicative": shapes.multiplicative,
    "inverse_time": shapes.inverse_time,
    "cosine": shapes.cosine,
    "rsqrt": shapes.rsqrt,
    "noam": shapes.noam,
    "power": shapes.power,
    "tanh": shapes.tanh,
    "rex": shapes.rex,
    "decay": shapes.decay,
    "cooldown": shapes.cooldown,
    "wsd": shapes.wsd,
    "exp_interp": shapes.exp_interp,
    "noise": shapes.noise,
    "cosine_restarts": cycles.cosine_restarts,
    "one_cycle": cycles.one_cycle,
    "flat_cos": cycles.flat_cos,
    "cyclic": cycles.cyclic,
    "step": tables.step,
    "multistep": tables.multistep,
    "piecewise": tables.piecewise,
    "interpolate": tables.interpolate,
    "plateau": Plateau,
    "greedy": Greedy,
}


def build(text: str) -> Schedule:
    """Builds the schedule that a spec describes.

    >>> build("warmup(5%) + cosine").length(Clock(1000, 100)) is None
    True

    Raises:
        UsageError: The spec is wrong; the message marks the place.
    """
    return _build(spec.parse(text))


def _build(node: spec.Call | spec.Join) -> Schedule:
    if isinstance(node, spec.Join):
        join = Sequential if node.operator == "+" else Product
        return join(_build(node.left), _build(node.right))
    return build_call(node)


def build_call(node: spec.Call) -> Schedule:
    """Builds the schedule that one call of a spec describes.

    Raises:
        UsageError: The name is unknown, or the arguments are wrong.
    """
    member = spec.look_up(node, SCHEDULES, "schedule")
    if isinstance(member, type):
        is_schedule = issubclass(member, Schedule)
        spec.require(node, is_schedule, "a framework.schedules.Controller")
        schedule: Schedule = spec.build(node, SCHEDULES, "schedule")
        return schedule
    spec.require(node, spec.takes(member, 2), "a function of (t, T, ...)")
    return _build_segment(node, member)


def _build_segment(call: spec.Call, function: Callable[..., Any]) -> Segment:
    """Builds a segment; its length is the first argument of the call."""
    parameters = spec.arguments(call, with_spec_signature(function))
    steps, skip = parameters.pop("steps", None), parameters.pop("skip", 0)
    try:
        duration = None if steps is None else Duration.parse(steps)
        segment = Segment(function, parameters, duration, Duration.parse(skip))
        segment.resolved_parameters()
    except UsageError as problem:
        raise spec.error(call.text, call.column, f"{call.name}: {problem}") from None
    return segment


def with_spec_signature(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a placeholder with the signature of a schedule function in specs.

    In a spec, `steps` and `skip` take the place of the function's `t` and `T`.

    >>> inspect.signature(with_spec_signature(shapes.linear)).parameters.keys()
    odict_keys(['steps', 'end', 'skip'])
    """

    def placeholder() -> None:
        pass

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    steps = inspect.Parameter("steps", kind, default=None, annotation="Duration")
    last = inspect.Parameter.KEYWORD_ONLY
    skip = inspect.Parameter("skip", last, default=0, annotation="Duration")
    others = list(inspect.signature(function).parameters.values())[2:]
    # `inspect.signature` reads this attribute, which the type of functions lacks.
    placeholder.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [steps, *others, skip]
    )
    return placeholder


__all__ = [
    "SCHEDULES",
    "Clock",
    "Controller",
    "Greedy",
    "LearningRate",
    "Plateau",
    "Product",
    "Schedule",
    "Segment",
    "Sequential",
    "build",
    "build_call",
]
