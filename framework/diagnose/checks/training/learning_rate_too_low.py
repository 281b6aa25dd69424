"""The learning rate is too low."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.checks.training import loop_rate
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import MINIMUM_GAIN, Decision
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import at_most, below
from framework.diagnose.core.trials import Trials
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.plateau import Plateau
from framework.diagnose.measure.step_sizes import FALLEN, StepSizes

_NAME = "learning_rate_too_low"


@dataclasses.dataclass(frozen=True)
class LearningRateTooLow(Check):
    """Measures how short steps are while training images are not learnt.

    Why it matters:
        Short steps make a curve that looks flat.
    Evidence:
        The length of steps, and what the schedule leaves of the rate halfway.
    How it is decided:
        By a trial with a rate that moves weights as far as is usual, or with a schedule
        that does not fall.
    Remedy:
        That rate, or that schedule.
    Sources:
        As of `LearningRateTooHigh`.

    Attributes:
        short: Log10 of a step's length, in the weights' norm, up to which it is short.
        improving_margin: A curve that still rises is suspected this much earlier.
        usual: Log10 of the length that the trial aims at.
        fitted_accuracy: Training accuracy whose lower bound shows that steps were
            enough.
    """

    cause_name: ClassVar[str] = _NAME
    phase: ClassVar[Phase] = Phase.STEPS
    short: float = -3.3
    improving_margin: float = 0.5
    usual: float = -2.3
    fitted_accuracy: float = 0.95

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        steps, accuracy = measured.get(StepSizes), measured.get(Accuracy).train_clean
        if accuracy.accuracy.low > self.fitted_accuracy or steps.has_diverged:
            return None
        if measured.settings.learning_rate < 0:
            return None
        is_improving = measured.get(Plateau).verdict == "improving"
        limit = self.short + self.improving_margin * is_improving
        if steps.typical > limit:
            return None
        left = steps.rate_left
        fallen = (
            f"; the schedule has left {left:.1g} of the rate"
            if steps.has_fallen
            else ""
        )
        intervention, advice = self._remedy(measured, steps)
        return Suspicion(
            message=(
                f"a step moves the weights by 10^{steps.typical:.1f} of their norm "
                f"only, and {accuracy.accuracy.value:.1%} of the training images are "
                f"learnt{fallen}"
            ),
            evidence=(
                Evidence(
                    "log10 of a step's length, in the weights' norm",
                    steps.typical,
                    at_most(limit).note(self._why(is_improving)),
                    "healthy runs have -2 to -3",
                ),
                Evidence(
                    "part of the highest rate that is left",
                    left,
                    below(FALLEN).note(": the schedule is at fault"),
                    "the learning rate halfway through the run",
                ),
            ),
            advice=advice,
            intervention=intervention,
            refute="no higher accuracy after training with that rate",
        )

    def _why(self, is_improving: bool) -> str:
        """Returns why a limit is higher than usual, for the evidence."""
        if not is_improving:
            return ""
        return (
            f", {self.improving_margin:g} above the usual {self.short:g} as the curve "
            f"still rises"
        )

    def _remedy(
        self, measured: Measurements, steps: StepSizes
    ) -> tuple[Intervention, str]:
        if steps.has_fallen:
            rate = measured.settings.highest_rate
            constant = Intervention(constant_learning_rate=rate)
            return constant, "have the learning rate fall later, or less"
        exponent = max(1, min(round(self.usual - steps.typical), 4))
        factor = 10.0**exponent
        higher = Intervention(learning_rate_factor=factor)
        return higher, f"multiply the learning rate by {factor:g}"


@dataclasses.dataclass(frozen=True)
class StepsOfNoLength(Check):
    """Looks for steps so short that nothing is trained, before any other cause.

    Why it matters:
        Where weights do not move, every change that trains them anew looks like a
        remedy for as long as they move: a wider model, too, learns while the rate is
        not yet 0.
    Evidence:
        As of `LearningRateTooLow`.
    How it is decided:
        By a trial as long as the original training, where the budget is enough: the
        time in which the rate was not yet too low was used by that training as well.
    Remedy:
        As of `LearningRateTooLow`.
    Sources:
        As of `LearningRateTooHigh`.

    Attributes:
        rate: The other thresholds.
        lengths: Of the trial, in usual ones; the first for which the budget is enough.
    """

    cause_name: ClassVar[str] = _NAME
    phase: ClassVar[Phase] = Phase.UPDATES
    rate: LearningRateTooLow = LearningRateTooLow()
    lengths: tuple[float, ...] = (3.0, 2.0, 1.0)

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        if not measured.get(StepSizes).has_no_length:
            return None
        return self.rate.suspect(measured)

    def decide(
        self, suspicion: Suspicion, measured: Measurements, trials: Trials
    ) -> Decision:
        """See base class."""
        del measured
        assert suspicion.intervention is not None
        lengths = (min(each, trials.whole) for each in self.lengths)
        length = next((each for each in lengths if trials.can_afford(each)), 1.0)
        return trials.run(self.cause_name, suspicion.intervention, length)


@dataclasses.dataclass(frozen=True)
class LoopRateTooLow(Check):
    """See `LearningRateTooLow`; of a loop that is not seen into, by a trial alone.

    Attributes:
        factor: Of the rate: half of three orders of magnitude. Chosen, not measured: a
            trial decides.
        minimum: As of `BelowLinearProbe`.
    """

    cause_name: ClassVar[str] = _NAME
    phase: ClassVar[Phase] = Phase.STEPS
    factor: float = 30.0
    minimum: float = MINIMUM_GAIN

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        return loop_rate.suspected(measured, self.minimum, self.factor)
