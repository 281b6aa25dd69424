"""The learning rate is too high, or negative."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from framework.diagnose.checks.training import loop_rate
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import MINIMUM_GAIN
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above, below
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.step_sizes import StepSizes

# The powers of ten that float32 has: no rate is higher.
_MOST = 38


@dataclasses.dataclass(frozen=True)
class LearningRateTooHigh(Check):
    """Measures how far steps go, and whether they overshoot.

    Why it matters:
        Long steps jump over minima; very long ones destroy what was learnt.
    Evidence:
        The length of the first and of the next steps, and the fraction of steps that
        raise the loss of their own batch.
    How it is decided:
        By a trial with a rate that moves weights as far as is usual.
    Remedy:
        That rate.
    Sources:
        Karpathy's recipe (updates of 1e-3 of the weights); TheDeepChecker (1e-4 to
        1e-1); Cockpit's alpha (Schneider et al., 2021).

    Attributes:
        long: Log10 of a step's length, in the weights' norm, from where on it is long;
            healthy runs have -2 to -3.
        usual: Log10 of the length that the trial aims at.
        far: Log10 of a step that throws the weights away: the others are short beside
            them then.
        overshoot: The fraction of steps that go too far; Cockpit's alpha above 0 in
            most steps.
        stuck: Training accuracy this little above the majority class has not been
            learnt: a step of any length may be one too long.
        fitted_accuracy: Training accuracy whose lower bound shows that steps were
            right.
    """

    cause_name: ClassVar[str] = "learning_rate_too_high"
    phase: ClassVar[Phase] = Phase.TRAINING
    long: float = -1.5
    usual: float = -2.3
    far: float = 2.0
    overshoot: float = 0.5
    stuck: float = 0.1
    fitted_accuracy: float = 0.95

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        steps, clean = measured.get(StepSizes), measured.get(Accuracy).train_clean
        is_stuck = clean.accuracy.value < clean.majority + self.stuck
        # A tenth of a long step can be too long for a start.
        limit = self.long - int(is_stuck)
        is_long = steps.longer > limit
        overshoots = steps.overshoot > self.overshoot
        if not (is_long or overshoots or steps.has_diverged):
            return None
        is_fitted = clean.accuracy.low > self.fitted_accuracy
        if is_fitted or measured.settings.learning_rate < 0:
            return None
        factor = self._factor(steps)
        return Suspicion(
            message=(
                f"a step moves the weights by 10^{steps.longer:.1f} of their norm, and "
                f"{steps.overshoot:.0%} of steps end with a higher loss of the same "
                f"batch"
            ),
            evidence=(
                Evidence(
                    "log10 of a step's length, in the weights' norm",
                    steps.longer,
                    above(limit).note(self._why(is_stuck)),
                    "healthy runs have -2 to -3",
                ),
                Evidence(
                    "steps that go too far",
                    steps.overshoot,
                    above(self.overshoot),
                    "loss of the batch after the step above that before; Cockpit, 2021",
                ),
                *_divergence(measured, steps),
            ),
            advice=f"multiply the learning rate by {factor:g}",
            intervention=Intervention(learning_rate_factor=factor),
            refute="no higher accuracy after training with that rate",
        )

    def _why(self, is_stuck: bool) -> str:
        """Returns why a limit is lower than usual, for the evidence."""
        if not is_stuck:
            return ""
        return (
            f", and not {self.long:g}: training accuracy is less than {self.stuck:g} "
            f"above that of the most frequent class"
        )

    def _factor(self, steps: StepSizes) -> float:
        length = steps.longer
        if steps.longest > self.far:
            length = max(length, steps.longest)
        if steps.has_grown and steps.initial > self.long:
            # What follows a first step that is too long tells nothing of the rate.
            length = steps.initial
        return 10.0 ** -max(1, min(math.floor(length - self.usual), _MOST))


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
        steps, rate = measured.get(StepSizes), measured.settings.learning_rate
        if not rate < 0:
            return None
        exponent = math.floor(min(steps.initial, steps.first) - self.usual)
        factor = -(10.0 ** -max(0, min(exponent, _MOST)))
        return Suspicion(
            is_certain=True,
            message=f"the learning rate is {rate:g}: each step climbs the loss",
            evidence=(
                Evidence(
                    "learning rate", rate, below(0.0), "the optimizer; gradient descent"
                ),
            ),
            advice=f"use a positive learning rate, such as {rate * factor:g}",
            intervention=Intervention(learning_rate_factor=factor),
            refute="a training loss that falls at this rate",
        )


def _divergence(measured: Measurements, steps: StepSizes) -> tuple[Evidence, ...]:
    if not steps.has_diverged:
        return ()
    step = measured.settings.diverged_in
    shown: float | str = float(step) if step else "not finite"
    name = "step in which numbers ceased to be finite" if step else "training loss"
    return (Evidence(name, shown, "any", "the record of the run, or its metrics"),)


@dataclasses.dataclass(frozen=True)
class LoopRateTooHigh(Check):
    """See `LearningRateTooHigh`; of a loop that is not seen into, by a trial alone.

    Attributes:
        factor: Of the rate: half of three orders of magnitude. Chosen, not measured: a
            trial decides.
        minimum: As of `BelowLinearProbe`.
    """

    cause_name: ClassVar[str] = "learning_rate_too_high"
    phase: ClassVar[Phase] = Phase.TRAINING
    factor: float = 1 / 30
    minimum: float = MINIMUM_GAIN

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        return loop_rate.suspected(measured, self.minimum, self.factor)
