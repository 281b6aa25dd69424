"""Durations in training: steps (`500`), epochs (`10ep`) or percent (`5%`) of a run."""

from __future__ import annotations

import dataclasses
import math
import re

from framework.errors import UsageError

_PATTERN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(ep|%)?\s*")


@dataclasses.dataclass(frozen=True, repr=False)
class Duration:
    """A duration in training.

    >>> Duration.parse("10ep").steps(steps_per_epoch=50)
    500

    Attributes:
        value: The number of units; not negative.
        unit: "" for optimizer steps, "ep" for epochs, "%" for percent of the run.
    """

    value: float
    unit: str = ""

    @classmethod
    def parse(cls, text: str | float | Duration) -> Duration:
        """Parses a duration such as `500`, `10ep` or `5%`.

        >>> Duration.parse("5%")
        5%

        Raises:
            UsageError: The text has another form, or a fractional number of steps.
        """
        if isinstance(text, Duration):
            return text
        match = _PATTERN.fullmatch(str(text))
        if not match:
            raise UsageError(
                f"a length is steps (500), epochs (10ep) or percent of the run (5%), "
                f"not {text!r}"
            )
        value, unit = float(match[1]), match[2] or ""
        if math.isinf(value):
            raise UsageError(f"a length must be finite, not {text}")
        if not unit and value != int(value):
            raise UsageError(f"a number of steps must be an integer, not {text}")
        return cls(value, unit)

    def steps(self, steps_per_epoch: int, total_steps: int | None = None) -> int:
        """Returns the duration in optimizer steps, rounded to the nearest.

        Args:
            steps_per_epoch: Optimizer steps per epoch.
            total_steps: Optimizer steps of the run; None if unknown.

        Raises:
            UsageError: A percentage of a run of unknown length.
        """
        if self.unit == "ep":
            return math.floor(self.value * steps_per_epoch + 0.5)
        if self.unit == "%":
            if total_steps is None:
                raise UsageError(
                    f"the length of the run cannot be {self}; give steps or epochs"
                )
            return math.floor(self.value / 100 * total_steps + 0.5)
        return int(self.value)

    def __str__(self) -> str:
        whole = int(self.value)
        return f"{whole if whole == self.value else self.value}{self.unit}"

    # Signatures in error messages show defaults as a spec writes them.
    __repr__ = __str__
