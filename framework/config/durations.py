"""Lengths of time in training: steps (`500`), epochs (`10ep`) or a share (`5%`)."""

from __future__ import annotations

import dataclasses
import math
import re

from framework.errors import UsageError

_PATTERN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(ep|%)?\s*")


@dataclasses.dataclass(frozen=True, repr=False)
class Duration:
    """A length of training.

    Attributes:
        value: How many of the unit; not negative.
        unit: "" for optimizer steps, "ep" for epochs, "%" for parts in a hundred of
            the whole run.
    """

    value: float
    unit: str = ""

    @classmethod
    def parse(cls, text: str | float | Duration) -> Duration:
        """Returns the duration that `500`, `10ep` or `5%` stands for.

        Raises:
            UsageError: It is none of these forms, or not a whole number of steps.
        """
        if isinstance(text, Duration):
            return text
        match = _PATTERN.fullmatch(str(text))
        if not match:
            raise UsageError(
                f"a length is steps (500), epochs (10ep) or a share of the run (5%), "
                f"not {text!r}"
            )
        value, unit = float(match[1]), match[2] or ""
        if math.isinf(value):
            raise UsageError(f"a length must be finite, not {text}")
        if not unit and value != int(value):
            raise UsageError(f"a number of steps must be whole, not {text}")
        return cls(value, unit)

    def steps(self, steps_per_epoch: int, total_steps: int | None = None) -> int:
        """Returns the length in optimizer steps, rounded to the nearest.

        Args:
            steps_per_epoch: How many steps go through the training data once.
            total_steps: How many the run takes; None where a share has no meaning.

        Raises:
            UsageError: A share was given where the run's own length is asked for.
        """
        if self.unit == "ep":
            return math.floor(self.value * steps_per_epoch + 0.5)
        if self.unit == "%":
            if total_steps is None:
                raise UsageError(f"the run cannot last {self}: give steps or epochs")
            return math.floor(self.value / 100 * total_steps + 0.5)
        return int(self.value)

    def __str__(self) -> str:
        whole = int(self.value)
        return f"{whole if whole == self.value else self.value}{self.unit}"

    # As a spec has it, for the signatures in messages.
    __repr__ = __str__
