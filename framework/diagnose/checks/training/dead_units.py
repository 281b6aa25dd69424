"""Units are dead."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.initial_weights import UNIT_IMAGES, UnitActivity

_NAME = "dead_units"


@dataclasses.dataclass(frozen=True)
class DeadUnits(Check):
    """Counts units that are 0 for every image.

    Why it matters:
        A dead unit gets no gradient, and stays dead.
    Evidence:
        The fraction of dead units in the layer that has most, now and before the first
        step.
    How it is decided:
        By a trial with leaky ReLU.
    Remedy:
        Leaky ReLU, He's initial weights, or a lower learning rate.
    Sources:
        SageMaker Debugger's dead-ReLU rule (half of a layer's units).

    Attributes:
        dead: The fraction of a layer's units before the first step.
        dead_since: The fraction where training has made them so; it leaves small
            healthy nets with up to 60 % of a layer's units unused.
        fitted_accuracy: Training accuracy whose lower bound shows that the units are
            enough.
    """

    cause_name: ClassVar[str] = _NAME
    phase: ClassVar[Phase] = Phase.STEPS
    dead: float = 0.5
    dead_since: float = 0.75
    fitted_accuracy: float = 0.95

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        units = measured.get(UnitActivity)
        now, first = units.dead, units.dead_at_initialization
        from_start = first > self.dead
        least = self.dead if from_start else self.dead_since
        accuracy = measured.get(Accuracy).train_clean.accuracy
        is_fitted = accuracy.low > self.fitted_accuracy
        if now <= least or is_fitted:
            return None
        when = "from the start" if from_start else "since training began"
        return Suspicion(
            message=f"{now:.0%} of the units of a hidden layer are dead {when}",
            evidence=(
                Evidence(
                    "dead units in the layer that has most",
                    now,
                    above(least),
                    f"those that fire for none of {UNIT_IMAGES} training images",
                ),
                Evidence(
                    "the same before the first step", first, "", "the same images"
                ),
            ),
            advice="use leaky ReLU, He's initial weights, or a lower learning rate",
            intervention=Intervention(activation="leaky_relu", reinitialize=True),
            refute="no higher accuracy after training with leaky ReLU",
        )


@dataclasses.dataclass(frozen=True)
class DeadFromTheStart(Check):
    """See `DeadUnits`; only before the first step, before the rate is examined.

    Attributes:
        units: The thresholds.
    """

    cause_name: ClassVar[str] = _NAME
    phase: ClassVar[Phase] = Phase.TRAINING
    units: DeadUnits = DeadUnits()

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        if measured.get(UnitActivity).dead_at_initialization <= self.units.dead:
            return None
        return self.units.suspect(measured)
