"""A range of steps, such as 20 (of those to come) or 100-120."""

from __future__ import annotations

import dataclasses
import re

from framework.errors import UsageError

_PATTERN = re.compile(r"(?:([0-9]{1,18})-)?([0-9]{1,18})")
# A trace of more steps is too large to look at.
_MAX_STEPS = 1000
# The first steps are compiled, and fill caches.
_WARM_UP = 10


@dataclasses.dataclass(frozen=True)
class StepRange:
    """A range of steps.

    Attributes:
        count: The number of steps.
        first: The number of steps before it; None for as soon as the run is warm.
    """

    count: int
    first: int | None = None

    @classmethod
    def parse(cls, text: str) -> StepRange:
        """Parses a number of steps, or the numbers of steps before and at its end.

        >>> StepRange.parse("100-120")
        StepRange(count=20, first=100)

        Raises:
            UsageError: The text is neither, or has too many steps.
        """
        match = _PATTERN.fullmatch(text.strip())
        if not match:
            raise UsageError(
                f"{text!r} is no range of steps; give a number, such as 20, or a range,"
                f" such as 100-120"
            )
        first = None if match[1] is None else int(match[1])
        count = int(match[2]) - (first or 0)
        if not 1 <= count <= _MAX_STEPS:
            raise UsageError(f"a range has 1 to {_MAX_STEPS:,} steps, not {text!r}")
        return cls(count, first)

    def between(self, step: int, total_steps: int) -> tuple[int, int]:
        """Returns the part of the range that is still to come.

        >>> StepRange(20).between(step=500, total_steps=520)
        (510, 520)

        Args:
            step: The number of steps so far.
            total_steps: The length of the run.

        Returns:
            The numbers of steps before it and at its end; the same number if nothing of
            it is to come.
        """
        first = self.first
        if first is None:
            # Of a short run, the last steps.
            first = max(min(step + _WARM_UP, total_steps - self.count), step)
        end = min(first + self.count, total_steps)
        begin = max(first, step)
        return begin, max(begin, end)
