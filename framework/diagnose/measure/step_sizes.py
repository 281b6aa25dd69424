"""How far training steps move the weights."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext
    from framework.diagnose.core.program import StepRecord

_STEPS = 12
# A rate that a schedule has brought below this fraction no longer trains.
FALLEN = 0.02
# Log10 of a step's length up to which nothing is trained: as many as 100,000 steps in
# one direction move the weights as far as they are long. Healthy steps have -2 to -3.
NO_LENGTH = -5.0


@dataclasses.dataclass(frozen=True)
class StepSizes(Measurement):
    """Twelve first steps, and the twelve that would come next.

    Attributes:
        initial: Log10 of the length of the very first step, in the weights' norm.
        first: Log10 of the median length of the first steps, in the weights' norm.
        next: The same of the next steps.
        longest: Log10 of the longest of all.
        first_overshoot: Fraction of the first steps that raise the loss of their batch.
        next_overshoot: The same of the next steps.
        has_diverged: Whether a reported training loss is not finite, or training has
            ended with numbers that are not.
        steps: The number of steps of the training.
        rate_left: Fraction of the highest learning rate that the schedule leaves,
            halfway through the training.
        is_annealed: Whether the schedule reduces the rate to 0 at the end only.
    """

    initial: float
    first: float
    next: float
    longest: float
    first_overshoot: float
    next_overshoot: float
    has_diverged: bool
    steps: int
    rate_left: float
    is_annealed: bool

    @classmethod
    def measure(cls, context: DiagnosisContext) -> StepSizes:
        """See base class."""
        first = context.program.step_records(_STEPS, at_initialization=True)
        following = context.program.step_records(_STEPS, at_initialization=False)
        losses = [row.get("train/loss", math.nan) for row in context.rows]
        last = len(context.rows) - 1
        left = _rate_left(context, last // 2)
        return cls(
            initial=_log_length(first[:1]),
            first=_log_length(first),
            next=_log_length(following),
            longest=max(_log_longest(first), _log_longest(following)),
            first_overshoot=_overshoot(first),
            next_overshoot=_overshoot(following),
            has_diverged=context.settings.diverged_in > 0
            or not bool(np.isfinite(losses).all()),
            steps=int(context.rows[-1]["step"]),
            rate_left=left,
            is_annealed=_rate_left(context, last) < FALLEN <= left,
        )

    @property
    def longer(self) -> float:
        """Log10 of the median length of the first or the next steps; the larger one."""
        return max(self.first, self.next)

    @property
    def overshoot(self) -> float:
        """The larger fraction of steps that raise the loss of their batch."""
        return max(self.first_overshoot, self.next_overshoot)

    @property
    def has_grown(self) -> bool:
        """Whether the first steps are ten times as long as the very first one."""
        return self.first > self.initial + 1

    @property
    def typical(self) -> float:
        """Log10 of the length of steps at a rate that trains."""
        # A rate that falls to nothing at the end is as it should be.
        return self.first if self.is_annealed else self.next

    @property
    def has_no_length(self) -> bool:
        """Whether steps are so short that nothing is trained."""
        return self.typical <= NO_LENGTH

    @property
    def has_fallen(self) -> bool:
        """Whether the schedule has reduced the rate to almost 0 halfway through."""
        return self.rate_left < FALLEN


def _finite(records: list[StepRecord]) -> list[float]:
    lengths = [record.relative_length for record in records]
    return [length for length in lengths if math.isfinite(length)]


def _log_length(records: list[StepRecord]) -> float:
    return math.log10(max(float(np.median(_finite(records) or [1e9])), 1e-30))


def _log_longest(records: list[StepRecord]) -> float:
    return math.log10(max([*_finite(records), 1e-30]))


def _overshoot(records: list[StepRecord]) -> float:
    # A loss that is no number is no progress either.
    worse = [not record.loss_after <= record.loss_before for record in records]
    return float(np.mean(worse))


def _rate_left(context: DiagnosisContext, place: int) -> float:
    """Returns the fraction of the highest rate at an evaluation; 1 if unknown."""
    rate = context.rows[place].get("learning_rate", math.nan)
    highest = context.settings.highest_rate
    if not highest > 0:
        # A rate that is negative falls to no fraction of itself.
        return 1.0
    fraction = float(rate / highest)
    return min(max(fraction, 0.0), 1.0) if math.isfinite(fraction) else 1.0
