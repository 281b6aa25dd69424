"""The space of a sweep: which values each flag may have, and which seeds.

A space is written as `learning_rate=log(1e-4, 1e-1), schedule=["constant", "cosine"],
seed=3`: by the flags' names, in the grammar of specs.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from framework.config import Config, guesses, spec
from framework.config.config import field_types
from framework.errors import UsageError

_SEED = "seed"
# A suggestion that is an argument of a spec.
_ARGUMENT = re.compile(r"--(\w+)='\w+\(")


@dataclasses.dataclass(frozen=True)
class Choices:
    """A list of values.

    Attributes:
        values: The values, each different.
    """

    values: tuple[bool | int | float | str, ...]

    def __str__(self) -> str:
        return repr(list(self.values))

    def grid(self) -> tuple[Any, ...]:
        """Returns the values of a grid."""
        return self.values

    def bounds(self) -> tuple[Any, ...]:
        """Returns values which are valid only if all are."""
        return self.values


@dataclasses.dataclass(frozen=True)
class Range:
    """The numbers between two others: all of them, or the integers.

    Attributes:
        low: The least; an integer for a range of integers.
        high: The greatest.
        is_log: Whether the logarithm is uniform.
        points: How many of them a grid has; 0 if no grid can be made.
    """

    low: float
    high: float
    is_log: bool
    points: int = 0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise UsageError(f"{self.low} must be below {self.high}")
        if self.is_log and self.low <= 0:
            raise UsageError(f"{self.low} must be positive")
        if self.points < 0 or self.points == 1:
            raise UsageError(f"points must be 2 or more, not {self.points}")

    def __str__(self) -> str:
        points = f", points={self.points}" if self.points else ""
        name = "log" if self.is_log else "uniform"
        return f"{name}({self.low!r}, {self.high!r}{points})"

    @property
    def is_integer(self) -> bool:
        """Whether it has the integers only."""
        return isinstance(self.low, int)

    def grid(self) -> tuple[Any, ...]:
        """Returns the values of a grid; fewer where integers coincide.

        Raises:
            UsageError: The range has no points.
        """
        if not self.points:
            example = dataclasses.replace(self, points=4)
            raise UsageError(f"a grid needs points, as in {example}")
        space = np.geomspace if self.is_log else np.linspace
        values = map(float, space(self.low, self.high, self.points))
        if self.is_integer:
            return tuple(dict.fromkeys(round(value) for value in values))
        return tuple(values)

    def bounds(self) -> tuple[Any, ...]:
        """Returns values which are valid only if all are."""
        return self.low, self.high


def log(low: float, high: float, points: int = 0) -> Range:
    """Numbers whose logarithm is uniform.

    >>> [round(value, 6) for value in log(1e-4, 1e-1, points=4).grid()]
    [0.0001, 0.001, 0.01, 0.1]
    """
    return Range(low, high, is_log=True, points=points)


def uniform(low: float, high: float, points: int = 0) -> Range:
    """Uniform numbers.

    >>> uniform(0.0, 0.5, points=3).grid()
    (0.0, 0.25, 0.5)
    """
    return Range(low, high, is_log=False, points=points)


RANGES = {"log": log, "uniform": uniform}
Parameter = Choices | Range


@dataclasses.dataclass(frozen=True)
class Space:
    """The space of a sweep.

    Attributes:
        parameters: By the name of the flag, in order.
        seeds: With which each trial is trained, in order.
    """

    parameters: Mapping[str, Parameter]
    seeds: tuple[int, ...]

    def grid(self) -> list[dict[str, Any]]:
        """Returns all points of the grid; the last parameter varies fastest.

        Raises:
            UsageError: A range has no points.
        """
        values = []
        for name, parameter in self.parameters.items():
            try:
                values.append(parameter.grid())
            except UsageError as problem:
                raise UsageError(f"--sweep: {name}: {problem}") from None
        return [
            dict(zip(self.parameters, point, strict=True))
            for point in itertools.product(*values)
        ]

    def as_json(self) -> dict[str, Any]:
        """Returns the space as JSON values."""
        texts = {name: str(each) for name, each in self.parameters.items()}
        return {"parameters": texts, "seeds": list(self.seeds)}


def parse(text: str, config: Config) -> Space:
    """Parses a space.

    Args:
        text: The space.
        config: The flags that the space does not name. Its seed is the first of
            `seed=3`.

    Raises:
        UsageError: The text does not follow the grammar, or names no flag that numbers
            depend on, or has a value that the flag cannot have.
    """
    try:
        values = spec.assignments(text)
        seeds = _seeds(values.pop(_SEED, 1), config)
        parameters = {
            name: _parameter(name, value, config) for name, value in values.items()
        }
    except UsageError as problem:
        raise UsageError(f"--sweep: {problem}") from None
    if not parameters:
        example = "learning_rate=log(1e-4, 1e-1), seed=3"
        raise UsageError(f"--sweep names no flag besides seed; as in '{example}'")
    return Space(parameters, seeds)


def _seeds(value: Any, config: Config) -> tuple[int, ...]:
    if isinstance(value, int) and not isinstance(value, bool):
        value = [config.seed + each for each in range(value)]
    if not isinstance(value, (tuple, list)) or not value:
        raise UsageError(f"seed must be a number of seeds or a list, not {value!r}")
    for each in _distinct(_SEED, value):
        dataclasses.replace(config, seed=each)
    return tuple(value)


def _parameter(name: str, value: Any, config: Config) -> Parameter:
    """Returns the parameter of a flag, after trying its values."""
    if name not in config.numbers():
        raise UsageError(
            f"{name!r} is no flag that the numbers of a run depend on"
            f"{_suggestion(name, config)}"
        )
    parameter: Parameter
    if isinstance(value, spec.Call):
        parameter = _range(name, value)
    elif isinstance(value, (tuple, list)) and value:
        parameter = Choices(_distinct(name, value))
    else:
        raise UsageError(
            f"{name} must be a list, log(low, high) or uniform(low, high), not "
            f"{value!r}; a single value is a flag, --{name}"
        )
    for each in parameter.bounds():
        dataclasses.replace(config, **{name: each})
    return parameter


def _suggestion(name: str, config: Config) -> str:
    """Returns a suggestion for an unknown name, which begins with "; "; or ""."""
    known = list(config.numbers())
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    if near:
        return f"; did you mean {near[0]}?"
    _, separator, text = guesses.answer(name, "", known).partition("; ")
    argument = _ARGUMENT.search(text)
    if argument:
        text += f"; a sweep lists such texts, as in {argument[1]}=['...', '...']"
    return separator + text


def _range(name: str, call: spec.Call) -> Range:
    built = spec.build(call, RANGES, "range")
    kind = field_types()[name]
    spec.require(call, isinstance(built, Range), "log or uniform")
    is_number = kind in (int, float)
    spec.require(call, is_number, f"a list: --{name} is no number")
    if kind is float:
        return dataclasses.replace(built, low=float(built.low), high=float(built.high))
    is_whole = isinstance(built.low, int) and isinstance(built.high, int)
    spec.require(call, is_whole, f"between integers: --{name} is one")
    return built


def _distinct(name: str, values: Any) -> tuple[Any, ...]:
    for place, each in enumerate(values):
        if each in values[:place]:
            raise UsageError(f"{name} has {each!r} twice")
    return tuple(values)
