"""Specs of all families: looks up names, and checks arguments.

A spec is `name(arg=literal, ...)`, joined by `+` and `*`; see
`framework.config.grammar`. A name is a member of the family, or `module:name` for a
user's own function or class, which is imported when it is looked up.
"""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from framework.config import reference
from framework.config.grammar import Call, Join, assignments, error, parse
from framework.errors import RunError, UsageError

__all__ = [
    "Call",
    "Join",
    "arguments",
    "assignments",
    "build",
    "calls",
    "error",
    "look_up",
    "parse",
    "parts",
    "references",
    "require",
    "single",
    "takes",
    "written",
]

# Types of literals by type hint. A length is a number or, with a unit, a string.
_TYPES = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "None": (type(None),),
    "Duration": (int, float, str),
}
_COLLECTION = re.compile(r"(?:Sequence|tuple|list)\[(.*)\]")
# A bar outside of brackets.
_OUTER_BAR = re.compile(r"\|(?![^\[]*\])")


def parts(text: str, operator: str = "+") -> list[Call]:
    """Returns the calls of a spec that are joined by a single operator.

    >>> [call.name for call in parts("flip + rotate(20)")]
    ['flip', 'rotate']

    Args:
        text: The spec; an empty one has no calls.
        operator: "+" or "*".

    Raises:
        UsageError: The text does not follow the grammar, or has another operator.
    """

    def flatten(node: Call | Join) -> list[Call]:
        if isinstance(node, Call):
            return [node]
        if node.operator != operator:
            raise error(text, 0, f"only {operator!r} can join the parts of this spec")
        return flatten(node.left) + flatten(node.right)

    return flatten(parse(text)) if text.strip() else []


def single(text: str) -> Call:
    """Returns the call of a spec that has a single one.

    >>> single("sgd(momentum=.9)").kwargs
    {'momentum': 0.9}

    Raises:
        UsageError: The text does not follow the grammar, or has several calls.
    """
    node = parse(text)
    if isinstance(node, Join):
        raise error(text, 0, "this must be a single name(...), with no '+' or '*'")
    return node


def written(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Formats a call as a spec; the inverse of `single`.

    >>> written("sgd", (0.1,), {"nesterov": True})
    'sgd(0.1, nesterov=True)'

    Args:
        name: The name of the member.
        args: The positional arguments.
        kwargs: The keyword arguments.
    """
    shown = [repr(value) for value in args]
    shown += [f"{key}={value!r}" for key, value in kwargs.items()]
    return f"{name}({', '.join(shown)})"


def references(text: str) -> list[str]:
    """Returns each module:name in a spec, sorted; imports nothing.

    >>> references("warmup(5%) + mine.schedules:sine(3)")
    ['mine.schedules:sine']

    Raises:
        UsageError: The text does not follow the grammar.
    """
    return sorted({call.name for call in calls(text) if ":" in call.name})


def calls(text: str) -> list[Call]:
    """Returns all calls of a spec in order; [] if it is empty.

    >>> [call.name for call in calls("(warmup(5%) + cosine) * plateau('loss')")]
    ['warmup', 'cosine', 'plateau']

    Raises:
        UsageError: The text does not follow the grammar.
    """

    def flatten(node: Call | Join) -> list[Call]:
        if isinstance(node, Call):
            return [node]
        return flatten(node.left) + flatten(node.right)

    return flatten(parse(text)) if text.strip() else []


def look_up(call: Call, table: Mapping[str, Any], family: str) -> Any:
    """Returns the member of a family that a call names; imports module:name.

    Args:
        call: The call.
        table: The family's members by name.
        family: The family's name in messages.

    Raises:
        UsageError: There is no such member (the message suggests similar names), or
            the user's own module fails, or its member cannot be called.
    """
    if call.name in table:
        return table[call.name]
    if ":" in call.name:
        return _load(call, family)
    near = difflib.get_close_matches(call.name, table, n=3, cutoff=0.5)
    known = "did you mean" if near else "known are"
    names = ", ".join(near or sorted(table))
    mark = "?" if near else ""
    message = f"unknown {family} {call.name!r}; {known} {names}{mark}"
    raise error(call.text, call.column, message)


def arguments(
    call: Call, function: Callable[..., Any], given: int = 0
) -> dict[str, Any]:
    """Binds the arguments of a call to the parameters of a function.

    Args:
        call: The call.
        function: The function or class to be called.
        given: The number of leading parameters that the caller provides.

    Returns:
        The arguments by parameter name.

    Raises:
        UsageError: The arguments do not fit the parameters, which the message lists.
    """
    free = _parameters(call, function)[given:]
    bare = [parameter.replace(annotation=parameter.empty) for parameter in free]
    signature = inspect.Signature(bare)
    try:
        values = dict(signature.bind(*call.args, **call.kwargs).arguments)
        for parameter in free:
            if parameter.name in values:
                _check_type(parameter, values[parameter.name])
    except TypeError as problem:
        usage = f"{call.name.rpartition(':')[2]}{signature}"
        message = f"{call.name}: {problem}; its arguments are {usage}"
        raise error(call.text, call.column, message) from None
    return values


def build(call: Call, table: Mapping[str, Any], family: str) -> Any:
    """Builds the member of a family that a call describes.

    Args:
        call: The call.
        table: The family's members by name.
        family: The family's name in messages.

    Raises:
        UsageError: The name is unknown, or the arguments are wrong.
    """
    function = look_up(call, table, family)
    values = arguments(call, function)
    try:
        if ":" in call.name:
            return reference.call(function, call.name, **values)
        return function(**values)
    except RunError:
        raise
    except UsageError as problem:
        message = str(problem) if ":" in call.name else f"{call.name}: {problem}"
        raise error(call.text, call.column, message) from problem
    except (TypeError, ValueError, ArithmeticError) as problem:
        message = f"{call.name}: {problem}"
        raise error(call.text, call.column, message) from problem


def require(call: Call, condition: bool, what: str) -> None:
    """Checks that a member has the interface of its family.

    Args:
        call: The call that names the member.
        condition: Whether it has the interface.
        what: The description of the interface: "NAME must be {what}".

    Raises:
        UsageError: The condition is false.
    """
    if not condition:
        raise error(call.text, call.column, f"{call.name} must be {what}")


def takes(function: Callable[..., Any], count: int) -> bool:
    """Returns whether a function has at least `count` positional parameters.

    >>> takes(pow, 2)
    True
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    named = [parameter for parameter in parameters if parameter.kind in kinds]
    return len(named) >= count


def _load(call: Call, family: str) -> Any:
    """Imports a user's own member."""
    try:
        member = reference.load(call.name)
    except UsageError as problem:
        raise error(call.text, call.column, f"{family} {problem}") from problem
    is_callable = callable(member)
    require(call, is_callable, f"a function or class, not {type(member).__name__}")
    return member


def _parameters(call: Call, function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        message = f"{call.name} has no Python signature; wrap it in a function"
        raise error(call.text, call.column, message) from None


def _check_type(parameter: inspect.Parameter, value: Any) -> None:
    """Checks a value against the type hint of a parameter.

    Hints are compared as text, because evaluating them would import their types.

    Raises:
        TypeError: The value has another type.
    """
    hint = parameter.annotation
    if hint is parameter.empty:
        return
    text = hint if isinstance(hint, str) else getattr(hint, "__name__", str(hint))
    options = [option.strip() for option in _OUTER_BAR.split(text)]
    if not any(_fits(value, option) for option in options):
        raise TypeError(f"{parameter.name} must be {text}, not {value!r}")


def _fits(value: Any, hint: str) -> bool:
    """Returns whether a value fits a type hint; any value fits an unknown hint."""
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if hint in _TYPES:
        return type(value) in _TYPES[hint]
    collection = _COLLECTION.fullmatch(hint)
    if not collection:
        return True
    items = [item.strip() for item in collection[1].split(",")]
    return isinstance(value, (tuple, list)) and all(
        _fits(element, items[0]) for element in value
    )
