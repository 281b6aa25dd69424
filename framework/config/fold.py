"""A fold of a cross-validation, such as `2/5`: the second of five."""

from __future__ import annotations

import dataclasses
import re

from framework.errors import UsageError

_PATTERN = re.compile(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Fold:
    """A fold of a cross-validation.

    >>> Fold.parse("2/5")
    Fold(index=2, count=5)

    Attributes:
        index: Which fold is validated on, from 1.
        count: The number of folds, 2 or more.
    """

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Fold:
        """Parses a fold such as `2/5`.

        Raises:
            UsageError: The text has another form, or there is no such fold.
        """
        match = _PATTERN.fullmatch(text)
        fold = cls(int(match[1]), int(match[2])) if match else cls(0, 0)
        if not 1 <= fold.index <= fold.count or fold.count < 2:
            raise UsageError(
                f"must be a fold of two or more, such as 2/5, the second of five, not "
                f"{text!r}"
            )
        return fold

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"
