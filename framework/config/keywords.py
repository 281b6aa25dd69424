"""Errors for unknown keyword arguments in Python, as those for unknown flags."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any, TypeVar, cast

from framework.config import guesses
from framework.errors import UsageError

_Class = TypeVar("_Class")
_Function = TypeVar("_Function", bound=Callable[..., Any])


def check_fields(cls: type[_Class]) -> type[_Class]:
    """Makes a dataclass refuse unknown fields with a suggestion; a decorator.

    `dataclasses.replace` calls the same constructor.

    >>> import dataclasses
    >>> @check_fields
    ... @dataclasses.dataclass(frozen=True)
    ... class Settings:
    ...     learning_rate: float = 0.1
    >>> Settings(lr=0.5)
    Traceback (most recent call last):
    framework.errors.UsageError: Settings has no field 'lr'; the learning rate is \
--learning_rate=0.5
    """
    constructor = cls.__init__
    fields = list(inspect.signature(constructor).parameters)[1:]
    # Not as an assignment: type checkers shall see the dataclass's own constructor.
    checked = _checked(constructor, f"{cls.__name__} has no field", fields, fields)
    type.__setattr__(cls, "__init__", checked)
    return cls


def check_arguments(fields: Collection[str]) -> Callable[[_Function], _Function]:
    """Makes a function refuse unknown arguments with a suggestion; a decorator.

    Args:
        fields: Those of the config, which is one of its arguments.
    """

    def decorate(function: _Function) -> _Function:
        known = list(inspect.signature(function).parameters)
        what = f"{function.__name__}() has no argument"
        return cast(_Function, _checked(function, what, known, fields))

    return decorate


def _checked(
    function: Callable[..., Any], what: str, known: list[str], fields: Collection[str]
) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for name, value in kwargs.items():
            if name not in known:
                hint = _hint(name, value, known, fields)
                raise UsageError(f"{what} {name!r}; {hint}")
        return function(*args, **kwargs)

    return call


def _hint(name: str, value: object, known: list[str], fields: Collection[str]) -> str:
    """Returns a suggestion for an unknown name."""
    if near := _near(name, () if fields == known else known):
        return f"did you mean {near}?"
    if name in fields:
        return f"it is a field of the config, Config({name}={value!r})"
    text = f"{value}" if isinstance(value, (str, int, float)) else ""
    _, _, guess = guesses.answer(name, text, fields).partition("; ")
    if guess:
        return guess
    if near := _near(name, fields):
        return f"did you mean {near}?"
    if fields == known:
        return "the fields are the flags of `whyflat train --help`"
    return f"it takes {', '.join(known)}"


def _near(name: str, known: Collection[str]) -> str:
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.7)), "")
