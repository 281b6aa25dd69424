"""When a number supports a cause, and how both are written beside each other.

One place writes an evidence, so that its words cannot contradict its number: whether
the threshold is met is computed, and both have as many digits as that takes.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Mapping

from framework.numerics.intervals import Estimate

_RELATIONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_WORDS: Mapping[str, str] = {
    ">": "above {}",
    ">=": "{} or more",
    "<": "below {}",
    "<=": "{} or less",
}
# What of an estimate is compared: the value, or an end of its interval. Beyond one end
# is the whole interval.
_PARTS: Mapping[str, str] = {
    "value": "",
    "low": "the lower bound ",
    "high": "the upper bound ",
    "low >": "the interval ",
    "high <": "the interval ",
}
# Significant digits of a value and of a limit; more, if these contradict each other.
_DIGITS, _LIMIT_DIGITS, _MOST_DIGITS = 3, 6, 17


@dataclasses.dataclass(frozen=True)
class Condition:
    """A comparison of a number with a limit.

    Attributes:
        part: Of an estimate: "value", "low" or "high".
        relation: ">", ">=", "<" or "<=".
        limit: The limit.
    """

    part: str
    relation: str
    limit: float

    def holds(self, value: float | Estimate) -> bool:
        """Returns whether a number meets it; NaN never does."""
        number = getattr(value, self.part) if isinstance(value, Estimate) else value
        return _RELATIONS[self.relation](number, self.limit)


@dataclasses.dataclass(frozen=True)
class Threshold:
    """When a number supports a cause.

    >>> str(gain(0.03)), above(0.5).note(": in blocks").sentence(0.7)
    ('the interval above 0, and 3 points or more', '0.7; above 0.5: in blocks')
    >>> above(-1.5).sentence(-2.23)
    '-2.23; above -1.5 (not met)'

    Attributes:
        conditions: All must hold.
        remark: Further information, in words.
        in_points: Whether the number is a difference of fractions, which is written in
            percentage points.
    """

    conditions: tuple[Condition, ...]
    remark: str = ""
    in_points: bool = False

    def is_met(self, value: float | Estimate) -> bool:
        """Returns whether a number meets all conditions."""
        return all(each.holds(value) for each in self.conditions)

    def note(self, remark: str) -> Threshold:
        """Returns the same with a remark, which follows its words."""
        return dataclasses.replace(self, remark=remark)

    @property
    def points(self) -> Threshold:
        """The same of a difference of fractions, written in percentage points.

        >>> print(above(0.1).points)
        above 10 points
        """
        return dataclasses.replace(self, in_points=True)

    def __and__(self, other: Threshold) -> Threshold:
        """Returns the threshold that both make."""
        return dataclasses.replace(self, conditions=self.conditions + other.conditions)

    def __str__(self) -> str:
        return self._words(_LIMIT_DIGITS) + self.remark

    def sentence(self, value: float | Estimate) -> str:
        """Returns a value, the threshold, and whether it is not met."""
        digits = _DIGITS
        while digits < _MOST_DIGITS and not self._agrees(value, digits):
            digits += 1
        verdict = "" if self.is_met(value) else " (not met)"
        words = self._words(max(digits, _LIMIT_DIGITS))
        # What follows a semicolon is another way to support the cause.
        explained, semicolon, other = self.remark.partition(";")
        words = f"{words}{explained}{verdict}{semicolon}{other}"
        return f"{_text(value, digits, self.in_points)}; {words}"

    def _words(self, digits: int) -> str:
        parts = []
        for each in self.conditions:
            limit = _number(each.limit, digits, self.in_points)
            is_gain = self.in_points and each.limit != 0
            words = _WORDS[each.relation].format(limit + " points" * is_gain)
            part = _PARTS.get(f"{each.part} {each.relation}", _PARTS[each.part])
            parts.append(part + words)
        return ", and ".join(parts)

    def _agrees(self, value: float | Estimate, digits: int) -> bool:
        """Returns whether written numbers compare as the numbers do."""
        for each in self.conditions:
            number = getattr(value, each.part) if isinstance(value, Estimate) else value
            written = float(_number(number, digits, self.in_points))
            limit = float(
                _number(each.limit, max(digits, _LIMIT_DIGITS), self.in_points)
            )
            if _RELATIONS[each.relation](written, limit) != each.holds(value):
                return False
        return True


def above(limit: float) -> Threshold:
    """More than a limit."""
    return Threshold((Condition("value", ">", limit),))


def at_least(limit: float) -> Threshold:
    """A limit or more."""
    return Threshold((Condition("value", ">=", limit),))


def below(limit: float) -> Threshold:
    """Less than a limit."""
    return Threshold((Condition("value", "<", limit),))


def at_most(limit: float) -> Threshold:
    """A limit or less."""
    return Threshold((Condition("value", "<=", limit),))


def surely_above(limit: float) -> Threshold:
    """A lower bound of the interval above a limit."""
    return Threshold((Condition("low", ">", limit),))


def surely_below(limit: float) -> Threshold:
    """An upper bound of the interval below a limit."""
    return Threshold((Condition("high", "<", limit),))


def gain(minimum: float) -> Threshold:
    """A difference that is certain, and a minimum or more."""
    both = surely_above(0.0) & at_least(minimum)
    return both.points


def gain_shown_only() -> Threshold:
    """A difference that supports nothing by itself.

    >>> gain_shown_only().sentence(Estimate(0.178, 0.14, 0.215))
    '17.8 points (14 to 21.5); shown only'
    """
    return Threshold((), "shown only", in_points=True)


def shown(value: float | str | Estimate) -> str:
    """Returns a value without a threshold as text.

    >>> shown(Estimate(0.1, 0.05, 0.15)), shown(12.345)
    ('0.1 (0.05 to 0.15)', '12.3')
    """
    return value if isinstance(value, str) else _text(value, _DIGITS, in_points=False)


def _text(value: float | Estimate, digits: int, in_points: bool) -> str:
    if isinstance(value, Estimate):
        numbers = (
            _number(each, digits, in_points)
            for each in (value.value, value.low, value.high)
        )
        middle, low, high = numbers
        unit = " points" if in_points else ""
        return f"{middle}{unit} ({low} to {high})"
    return _number(value, digits, in_points) + " points" * in_points


def _number(value: float, digits: int, in_points: bool) -> str:
    return f"{100 * value if in_points else value:.{digits}g}"
