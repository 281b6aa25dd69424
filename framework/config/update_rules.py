"""Rules of fine-tuning: which weights are frozen, and how fast the others learn."""

from __future__ import annotations

import dataclasses
import math
import re

from framework.config.durations import Duration
from framework.errors import UsageError

# Words with a meaning of their own; any other pattern is a regular expression.
HEAD, BACKBONE = "head", "backbone"

_UNTIL = re.compile(r"(.*\S)\s+until\s+(\S+)")
_LAYERWISE = re.compile(r"layerwise\(([^()]*)\)")


@dataclasses.dataclass(frozen=True)
class Freeze:
    """Freezes weights, always or for a time.

    Attributes:
        pattern: `HEAD`, `BACKBONE`, or a regular expression that is searched for in the
            names of weights, such as conv2d/kernel.
        until: The time from the beginning of the run; None for always.
    """

    pattern: str
    until: Duration | None


@dataclasses.dataclass(frozen=True)
class Scale:
    """Multiplies the updates of weights.

    Attributes:
        pattern: As in `Freeze`.
        factor: A positive number.
    """

    pattern: str
    factor: float


@dataclasses.dataclass(frozen=True)
class Scales:
    """The rules of --lr_scale.

    Attributes:
        rules: The first that matches decides.
        layerwise: The factor from each layer to the one before it, of weights that no
            rule matches.
    """

    rules: tuple[Scale, ...]
    layerwise: float


def parse_freeze(text: str) -> tuple[Freeze, ...]:
    """Parses --freeze: `PATTERN` or `PATTERN until LENGTH`, separated by commas.

    >>> parse_freeze("backbone until 30%")
    (Freeze(pattern='backbone', until=30%),)

    Raises:
        UsageError: A pattern is no regular expression, or a length is wrong.
    """
    rules = []
    for item in _items(text):
        match = _UNTIL.fullmatch(item)
        pattern, until = (match[1], Duration.parse(match[2])) if match else (item, None)
        rules.append(Freeze(_checked(pattern), until))
    return tuple(rules)


def parse_scales(text: str) -> Scales:
    """Parses --lr_scale: `PATTERN: FACTOR` or `layerwise(FACTOR)`, with commas.

    >>> parse_scales("backbone: .1, head: 1").rules[0]
    Scale(pattern='backbone', factor=0.1)

    Raises:
        UsageError: A pattern is no regular expression, or a factor is not positive.
    """
    rules, layerwise = [], []
    for item in _items(text):
        match = _LAYERWISE.fullmatch(item)
        if match:
            layerwise.append(_factor(match[1], item))
            continue
        pattern, colon, factor = item.rpartition(":")
        if not colon or not pattern.strip():
            raise UsageError(
                f"{item!r} must be PATTERN: FACTOR, such as 'backbone: .1', or "
                f"layerwise(FACTOR), such as layerwise(.75)"
            )
        rules.append(Scale(_checked(pattern.strip()), _factor(factor, item)))
    if len(layerwise) > 1:
        raise UsageError("layerwise(...) can be given once")
    return Scales(tuple(rules), layerwise[0] if layerwise else 1.0)


def _items(text: str) -> list[str]:
    """Returns the parts of a text between commas; [] if it is empty."""
    if not text.strip():
        return []
    items = [item.strip() for item in text.split(",")]
    if not all(items):
        raise UsageError(f"a rule is missing beside a comma in {text!r}")
    return items


def _checked(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as problem:
        raise UsageError(
            f"{pattern!r} is not a regular expression: {problem}"
        ) from None
    return pattern


def _factor(text: str, item: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    # Above 1e6 nothing trains; the limit keeps products of float32 finite.
    if not 0 < factor <= 1e6:
        raise UsageError(
            f"the factor of {item!r} must be a positive number, at most a million; to "
            f"keep weights as they are, use --freeze"
        )
    return factor
