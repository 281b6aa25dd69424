"""Learning-rate schedules: what a `--schedule` spec can name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from framework import spec
from framework.durations import Duration
from framework.errors import UsageError
from framework.schedules import shapes
from framework.schedules.algebra import Clock, Part, Product, Schedule, Then
from framework.schedules.learning_rate import LearningRate
from framework.schedules.plateau import Controller, Plateau

# A function is a shape: its length comes first in a spec, as in `warmup(5%)`. A class
# is a controller.
SCHEDULES: dict[str, Callable[..., Any]] = {
    "constant": shapes.constant,
    "warmup": shapes.warmup,
    "linear": shapes.linear,
    "cosine": shapes.cosine,
    "step": shapes.step,
    "plateau": Plateau,
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
    member = spec.look_up(node, SCHEDULES, "schedule")
    if isinstance(member, type):
        return spec.build(node, SCHEDULES, "schedule")
    return _part(node, member)


def _part(call: spec.Call, function: Callable[..., Any]) -> Part:
    """Returns a shape, with the length that comes first in a spec."""
    parameters = spec.arguments(call, _as_written(function))
    length = parameters.pop("length", None)
    try:
        duration = None if length is None else Duration.parse(length)
        part = Part(function, parameters, duration)
        part.settings()
    except UsageError as problem:
        raise spec.error(call.text, call.column, f"{call.name}: {problem}") from None
    return part


def _as_written(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns what has a shape's signature as it is in a spec: a length, not (t, T)."""

    def written() -> None:
        pass

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    length = inspect.Parameter("length", kind, default=None, annotation="Duration")
    others = list(inspect.signature(function).parameters.values())[2:]
    written.__signature__ = inspect.Signature([length, *others])
    return written


__all__ = [
    "SCHEDULES",
    "Clock",
    "Controller",
    "LearningRate",
    "Part",
    "Plateau",
    "Product",
    "Schedule",
    "Then",
    "build",
]
