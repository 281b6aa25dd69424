"""Changes of a model that a --model spec can say."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from framework.config import spec

# The parameters of models that are numbers of units or filters.
_WIDTHS = ("units", "filters", "dense", "width")
_DROPOUT = "dropout"


def changed(text: str, dropout: float | None, width_factor: float) -> str:
    """Returns the spec of a model with another dropout and width.

    What the spec cannot say stays: the dropout of a model without such an argument, and
    the width of a model that does not come with this package.

    >>> changed("mlp(units=(64,))", 0.5, 2.0)
    'mlp(units=(128,), dropout=0.5)'
    >>> changed("mine:net(3)", 0.5, 2.0)
    'mine:net(3)'

    Args:
        text: The spec.
        dropout: The rate of all dropout layers; None leaves it.
        width_factor: Multiplies the numbers of units and filters.
    """
    call, member = spec.single(text), _member(text)
    known = _given(text)
    present = arguments(text)
    changes: dict[str, Any] = {}
    if dropout is not None and _DROPOUT in present:
        changes[_DROPOUT] = dropout
    for name in _WIDTHS:
        if width_factor != 1.0 and member is not None and name in present:
            changes[name] = _times(present[name], width_factor)
    if all(present[name] == value for name, value in changes.items()):
        return text
    # Of a member, all arguments are bound to their names.
    own = call.args if member is None else ()
    return spec.written(call.name, own, {**known, **changes})


def arguments(text: str) -> dict[str, Any]:
    """Returns the arguments of a --model spec by name, with those it leaves out.

    Of a model that does not come with this package, those that have a name there.

    >>> arguments("mlp((64,))")
    {'units': (64,), 'dropout': 0.0}
    """
    member = _member(text)
    if member is None:
        return _given(text)
    parameters = list(inspect.signature(member).parameters.values())[2:]
    return {each.name: each.default for each in parameters} | _given(text)


def _given(text: str) -> dict[str, Any]:
    """Returns the arguments that a spec gives, by name."""
    call, member = spec.single(text), _member(text)
    return (
        dict(call.kwargs) if member is None else spec.arguments(call, member, given=2)
    )


def _member(text: str) -> Callable[..., Any] | None:
    """Returns the function of a model that comes with this package; None for others."""
    # Imported here, because it loads TensorFlow.
    from framework.models import MODELS

    return MODELS.get(spec.single(text).name)


def _times(value: int | Sequence[int], factor: float) -> int | tuple[int, ...]:
    """Multiplies numbers of units, as the trial does."""
    if isinstance(value, int):
        return max(round(value * factor), 1)
    return tuple(max(round(each * factor), 1) for each in value)
