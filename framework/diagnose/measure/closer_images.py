"""Whether validation images are closer to training images than these to each other."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError, Part
from framework.diagnose.measure.near_duplicates import Copies
from framework.numerics.intervals import Estimate, difference, proportion

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# Parts of training images that are below the similarities that are tried. The best of
# them is taken, which of unrelated digits, clothes and flowers has a lower bound of at
# most 0; of blurred flowers, .10; of those turned by 5 to 9 degrees .25 to .95.
_QUANTILES = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5)


@dataclasses.dataclass(frozen=True)
class CloserImages(Measurement):
    """How many more validation images have a similar training image than training has.

    Small images that are turned or moved by parts of a pixel are no more similar to
    their originals than some others; but all together they are more similar than
    training images are among each other.

    Attributes:
        threshold: The similarity of details that shows it best.
        rate: Fraction of validation images that reach it with a training image.
        within: Fraction of training images, of the same classes, that reach it with
            another one.
        excess: `rate` less `within`.
    """

    depends_on: ClassVar[Part] = Part.DATA
    threshold: float
    rate: Estimate
    within: Estimate
    excess: Estimate

    @classmethod
    def measure(cls, context: DiagnosisContext) -> CloserImages:
        """See base class."""
        copies = context.get(Copies)
        if not np.any(copies.details_within):
            raise NotApplicableError("there are no images")
        return max(
            (
                cls._at(copies, float(np.quantile(copies.details_within, each)))
                for each in _QUANTILES
            ),
            key=lambda each: each.excess.low,
        )

    @classmethod
    def _at(cls, copies: Copies, threshold: float) -> CloserImages:
        rate, within = (
            proportion(int(np.sum(each >= threshold)), len(each))
            for each in (copies.details, copies.details_within)
        )
        return cls(threshold, rate, within, difference(rate, within))
