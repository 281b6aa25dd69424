"""A part of a set of images: a percentage (`10%`) or a number of images (`500`)."""

from __future__ import annotations

import dataclasses
import re

from framework.errors import UsageError

_PATTERN = re.compile(r"\s*(\d{1,15}(?:\.\d*)?|\.\d+)\s*(%)?\s*", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Portion:
    """A part of a set of images.

    >>> Portion.parse("10%")
    Portion(fraction=0.1, images=0)
    >>> Portion.parse("500")
    Portion(fraction=0.0, images=500)

    Attributes:
        fraction: The fraction of the images, between 0 and 1; 0 if `images` is given.
        images: The number of images; 0 if `fraction` is given.
    """

    fraction: float
    images: int

    @classmethod
    def parse(cls, text: str) -> Portion:
        """Parses a percentage such as `10%`, or a number of images such as `500`.

        Raises:
            UsageError: The text has another form, or is out of range.
        """
        match = _PATTERN.fullmatch(text)
        value = float(match[1]) if match else 0.0
        if match and match[2] and 0 < value < 100:
            return cls(value / 100, 0)
        if match and not match[2] and value >= 1 and value == int(value):
            return cls(0.0, int(value))
        raise UsageError(
            f"must be a percentage between 0 and 100, such as 10%, or a number of "
            f"images, such as 500, not {text!r}"
        )
