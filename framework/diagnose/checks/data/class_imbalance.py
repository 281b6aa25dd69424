"""Classes are imbalanced."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import MINIMUM_GAIN, Decision, is_gain, threshold
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements, NotApplicableError
from framework.diagnose.core.threshold import above, below, surely_above
from framework.diagnose.core.trials import Trials
from framework.diagnose.measure.class_balance import ClassBalance, balanced_mean
from framework.diagnose.measure.labels import LabelValidity

_BALANCE = Intervention(balance=True)


@dataclasses.dataclass(frozen=True)
class ClassImbalance(Check):
    """Compares the classes by frequency and by accuracy.

    Why it matters:
        Rare classes are not learnt, and accuracy hides it.
    Evidence:
        The evenness of the classes, their ratio, and how much better frequent classes
        do.
    How it is decided:
        By a trial on balanced batches, and its gain in balanced accuracy; a wide gap
        decides by itself, since rare images drawn more often are as few.
    Remedy:
        Draw all classes equally often, or weight the loss.
    Sources:
        TheDeepChecker (evenness); SageMaker Debugger (ratio).

    Attributes:
        evenness: (exp H - 1) / (K - 1) below which classes are uneven.
        ratio: The largest class by the smallest one, above which they are uneven.
        gap: Less than five points between frequent and rare classes explain little.
        wide_gap: The lower bound of a gap that is decisive: three times the noise of
            two seeds.
    """

    cause_name: ClassVar[str] = "class_imbalance"
    phase: ClassVar[Phase] = Phase.DATA
    evenness: float = 0.5
    ratio: float = 10.0
    gap: float = 0.05
    wide_gap: float = 0.15

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        if measured.get(LabelValidity).has_illegal:
            return None
        classes = measured.get(ClassBalance)
        gap = classes.gap
        if classes.evenness >= self.evenness and classes.ratio <= self.ratio:
            return None
        if gap.low <= 0 or gap.value <= self.gap:
            return None
        return Suspicion(
            message=(
                f"the most frequent class has {classes.ratio:.3g} times as many "
                f"training images as the rarest, and accuracy is {gap.value:.1%} "
                f"higher where classes count as often as in training than where all "
                f"count the same"
            ),
            evidence=self._evidence(classes),
            advice=(
                "draw all classes equally often, or weight the loss of each by the "
                "inverse of its frequency; collect more images of the rare ones"
            ),
            intervention=_BALANCE,
            refute="no higher balanced accuracy after a run on balanced batches",
        )

    def decide(
        self, suspicion: Suspicion, measured: Measurements, trials: Trials
    ) -> Decision:
        """See base class."""
        del suspicion
        if not trials.can_afford():
            return Decision("suspected")
        try:
            result = trials.train(self.cause_name, _BALANCE)
        except NotApplicableError:
            return Decision("suspected")
        change = trials.correct_of(result).astype(float) - trials.correct.astype(float)
        gain = balanced_mean(change, trials.labels)
        gap = measured.get(ClassBalance).gap
        if is_gain(gain):
            trials.accept(result, _BALANCE)
        shown = Evidence(
            "gain in balanced validation accuracy on balanced batches",
            gain,
            threshold(MINIMUM_GAIN),
            "trained anew, against the run's end; bootstrap within each class",
        )
        is_certain = is_gain(gain) or gap.low > self.wide_gap
        status = "confirmed" if is_certain else "falsified"
        return Decision(status, gain, (shown,))

    def _evidence(self, classes: ClassBalance) -> tuple[Evidence, ...]:
        return (
            Evidence(
                "evenness of the classes",
                classes.evenness,
                below(self.evenness),
                "(exp H - 1) / (K - 1), TheDeepChecker",
            ),
            Evidence(
                "largest class by smallest",
                classes.ratio,
                above(self.ratio),
                "SageMaker Debugger, ClassImbalance",
            ),
            Evidence(
                "accuracy as training weights the classes, less balanced accuracy",
                classes.gap,
                (surely_above(0.0) & above(self.gap)).points.note(
                    f"; decisive for certain above {self.wide_gap}"
                ),
                "bootstrap within each class",
            ),
        )
