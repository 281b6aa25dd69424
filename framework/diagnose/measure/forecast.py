"""What more of the same training would gain, by the curve so far."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError
from framework.diagnose.measure.reported import correct
from framework.numerics.intervals import Estimate, slope

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# With fewer evaluations in the second half of a training, a line through them has next
# to no interval.
_FEWEST = 4


@dataclasses.dataclass(frozen=True)
class Forecast(Measurement):
    """The gain of training twice as long.

    The curve rises in a doubling of the training as it did in the last doubling:
    accuracy over the logarithm of the steps is nearly a line there. It bends
    downwards rather than upwards, so that this is more than is to be expected.

    Attributes:
        gain: In validation accuracy, by the line through the second half of the
            training (Theil-Sen).
        evaluations: How many the line goes through.
    """

    gain: Estimate
    evaluations: int

    @classmethod
    def measure(cls, context: DiagnosisContext) -> Forecast:
        """See base class."""
        if len(context.rows) != len(context.predictions):
            raise NotApplicableError("not every evaluation has its predictions")
        steps = np.array([row["step"] for row in context.rows], np.float64)
        right = [correct(each) for each in context.predictions]
        half = np.flatnonzero(2 * steps >= steps[-1])
        if len(half) < _FEWEST:
            raise NotApplicableError(
                f"there are only {len(half)} evaluations in the second half"
            )
        accuracies = [float(np.mean(right[place])) for place in half]
        line = slope(np.log2(steps[half]), accuracies)
        most = 1.0 - accuracies[-1]
        value, low, high = (min(v, most) for v in (line.value, line.low, line.high))
        return cls(Estimate(value, low, high), len(half))
