"""The learning rate is negative."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.measure.step_sizes import StepSizes


@dataclasses.dataclass(frozen=True)
class LearningRateNegative(Check):
    """Looks at the sign of the learning rate.

    Why it matters:
        Steps against the gradient lower the loss; with a negative rate they raise it.
    Evidence:
        The learning rate.
    How it is decided:
        By its sign. The gain of a positive rate is measured by a trial.
    Remedy:
        A positive rate that moves weights as far as is usual.
    Sources:
        The definition of gradient descent.

    Attributes:
        usual: Log10 of a step's length, in the weights' norm, that the remedy aims at.
    """

    cause_name: ClassVar[str] = "learning_rate_too_high"
    phase: ClassVar[Phase] = Phase.UPDATES
    usual: float = -2.3

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        rate = measured.settings.learning_rate
        if not rate < 0:
            return None
        steps = measured.find(StepSizes)
        exponent = 0 if steps is None else math.floor(steps.first - self.usual)
        factor = -(10.0 ** -max(0, min(exponent, 12)))
        return Suspicion(
            is_certain=True,
            message=f"the learning rate is {rate:g}: each step climbs the loss",
            evidence=(
                Evidence(
                    "learning rate", rate, "below 0", "the optimizer; gradient descent"
                ),
            ),
            advice=f"use a positive learning rate, such as {rate * factor:g}",
            intervention=Intervention(learning_rate_factor=factor),
            refute="a training loss that falls at this rate",
        )
