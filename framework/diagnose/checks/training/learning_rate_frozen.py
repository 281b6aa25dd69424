"""The learning rate has no effect."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above
from framework.diagnose.measure.updates import SLOWER, RateResponse


@dataclasses.dataclass(frozen=True)
class LearningRateFrozen(Check):
    """Does the same step at the learning rate and at a tenth of it.

    Why it matters:
        A Python number is written into the graph when `tf.function` traces it: then no
        schedule and no plateau reducer has any effect.
    Evidence:
        The length of the slower step in that of the usual one.
    How it is decided:
        By that length; it should be .1.
    Remedy:
        Read the rate from optimizer.learning_rate in each step.
    Sources:
        `tf.function`'s rules of tracing.

    Attributes:
        slow_enough: The length below which the rate acts. Optimizers whose first step
            does not follow the rate exactly stay far below a half.
    """

    cause_name: ClassVar[str] = "learning_rate_frozen"
    phase: ClassVar[Phase] = Phase.UPDATES
    slow_enough: float = 0.5

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        slower = measured.get(RateResponse).slower
        if not slower > self.slow_enough:
            return None
        return Suspicion(
            is_certain=True,
            message=(
                f"with a tenth of the learning rate a step moves the weights "
                f"{slower:.2g} times as far: the rate that acts is not the "
                f"optimizer's, so no schedule and no plateau reducer has any effect"
            ),
            evidence=(
                Evidence(
                    "size of a step at a tenth of the learning rate, in usual ones",
                    slower,
                    above(self.slow_enough).note(f"; it should be {SLOWER}"),
                    "the same batch from the same state, twice",
                ),
            ),
            advice=(
                "read the rate from optimizer.learning_rate in each step; a Python "
                "number is written into the graph when tf.function traces it"
            ),
            code=("rate = tf.cast(model.optimizer.learning_rate, tf.float32)",),
            refute="a step at a tenth of the rate that is a tenth as long",
        )
