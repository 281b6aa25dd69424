"""Learning-rate schedules: what a `--schedule` spec can name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from framework.config import spec
from framework.config.durations import Duration
from framework.errors import UsageError
from framework.schedules import cycles, shapes, tables
from framework.schedules.algebra import Clock, Part, Product, Schedule, Then
from framework.schedules.controller import Controller
from framework.schedules.greedy import Greedy
from framework.schedules.learning_rate import LearningRate
from framework.schedules.plateau import Plateau

# A function is a shape: its length comes first in a spec, as in `warmup(5%)`. A class
# is a controller.
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
    """Returns the schedule that a spec describes.

    Raises:
        UsageError: The spec is wrong; the place is marked.
    """
    return _build(spec.parse(text))


def _build(node: spec.Call | spec.Join) -> Schedule:
    if isinstance(node, spec.Join):
        join = Then if node.operator == "+" else Product
        return join(_build(node.left), _build(node.right))
    return call(node)


def call(node: spec.Call) -> Schedule:
    """Returns the schedule that one call of a spec describes.

    Raises:
        UsageError: The name is unknown, or the arguments are wrong.
    """
    member = spec.look_up(node, SCHEDULES, "schedule")
    if isinstance(member, type):
        is_schedule = issubclass(member, Schedule)
        spec.require(node, is_schedule, "a framework.schedules.Controller")
        return spec.build(node, SCHEDULES, "schedule")
    spec.require(node, spec.takes(member, 2), "a function of (t, T, ...)")
    return _part(node, member)


def _part(call: spec.Call, function: Callable[..., Any]) -> Part:
    """Returns a shape, with the length that comes first in a spec."""
    parameters = spec.arguments(call, as_written(function))
    steps, skip = parameters.pop("steps", None), parameters.pop("skip", 0)
    try:
        duration = None if steps is None else Duration.parse(steps)
        part = Part(function, parameters, duration, Duration.parse(skip))
        part.settings()
    except UsageError as problem:
        raise spec.error(call.text, call.column, f"{call.name}: {problem}") from None
    return part


def as_written(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns what has a shape's signature as it is in a spec: steps, not (t, T)."""

    def written() -> None:
        pass

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    steps = inspect.Parameter("steps", kind, default=None, annotation="Duration")
    last = inspect.Parameter.KEYWORD_ONLY
    skip = inspect.Parameter("skip", last, default=0, annotation="Duration")
    others = list(inspect.signature(function).parameters.values())[2:]
    written.__signature__ = inspect.Signature([steps, *others, skip])
    return written


__all__ = [
    "SCHEDULES",
    "Clock",
    "Controller",
    "Greedy",
    "LearningRate",
    "Part",
    "Plateau",
    "Product",
    "Schedule",
    "Then",
    "build",
    "call",
]
