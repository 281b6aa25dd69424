"""Training images are in the validation set."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.checks.data.pruning import train_without
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.trials import MINIMUM_GAIN, Decision, Trials, status_of
from framework.diagnose.measure.near_duplicates import (
    QUANTILE,
    SAME,
    NearDuplicates,
    similarity,
)
from framework.numerics.intervals import Estimate, difference


@dataclasses.dataclass(frozen=True)
class SplitLeakage(Check):
    """Looks up validation images among training images.

    Why it matters:
        Copies of training images are predicted from memory: accuracy is too high, and
        does not change.
    Evidence:
        The rate of near-duplicates across and within the splits, and the accuracy on
        them and on the others.
    How it is decided:
        The model is better on duplicates; where most images are duplicates, trials
        without them, beside trials without as many others, decide.
    Remedy:
        Split by source before anything is augmented or drawn twice.
    Sources:
        Barz & Denzler (2020) for CIFAR's duplicates.

    Attributes:
        rate: The least rate of duplicates above that within training.
        certain: The lower bound of that excess.
        many: The lower bound of the rate of the same images, from where on they count
            although training holds copies itself; CIFAR-10 has 3 %.
    """

    cause_name: ClassVar[str] = "split_leakage"
    phase: ClassVar[Phase] = Phase.DATA
    inflates_accuracy: ClassVar[bool] = True
    rate: float = 0.01
    certain: float = 0.005
    many: float = 0.05

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        copies = measured.get(NearDuplicates)
        excess = difference(copies.rate, copies.within)
        is_leak = excess.value >= self.rate and excess.low > self.certain
        if not is_leak and copies.same.low <= self.many:
            return None
        effect = difference(copies.accuracy, copies.other_accuracy)
        # Copies without an effect on accuracy do no harm. Where most images are copies,
        # too few others are left to measure the effect without a trial.
        has_effect = effect.low > 0
        return Suspicion(
            is_certain=has_effect,
            message=(
                f"{copies.rate.value:.1%} of the validation images are copies of "
                f"training images; the model is right about "
                f"{copies.accuracy.value:.1%} of them, and about "
                f"{copies.other_accuracy.value:.1%} of the others"
            ),
            evidence=self._evidence(copies, excess, effect),
            advice=(
                "remove the copies from one of the splits; split by source (person, "
                "film, original), before anything is augmented or drawn twice"
            ),
            code=(
                "from sklearn.model_selection import GroupShuffleSplit",
                "splitter = GroupShuffleSplit(1, test_size=0.2, random_state=0)",
                "train, validation = next(splitter.split(x, y, groups=source))",
            ),
            refute="accuracy on validation images without the copies: it is the same",
            cost=_scaled(effect, copies.rate.value) if has_effect else None,
        )

    def decide(
        self, suspicion: Suspicion, measured: Measurements, trials: Trials
    ) -> Decision:
        """See base class."""
        del suspicion
        train, validation = trials.context.train, trials.context.validation
        threshold = measured.get(NearDuplicates).threshold
        copies = similarity(train.images, validation.images) >= threshold
        gain = train_without(trials, self.cause_name, copies)
        if gain is None:
            return Decision("suspected")
        fall = _scaled(gain, -1.0)
        shown = Evidence(
            "fall of validation accuracy once training is without the copies",
            fall,
            f"the interval above 0, and {MINIMUM_GAIN:.0%} or more",
            "trained anew, against the same without as many others of the same classes",
        )
        return Decision(status_of(fall), fall, (shown,))

    def _evidence(
        self, copies: NearDuplicates, excess: Estimate, effect: Estimate
    ) -> tuple[Evidence, ...]:
        return (
            Evidence(
                "copies among validation images",
                copies.rate,
                f"correlation of {copies.threshold:.3g} or more",
                f"0.95, or what {1 - QUANTILE:.0%} of training images exceed",
            ),
            Evidence(
                "more than among training images",
                excess,
                f"{self.rate:.0%} or more, for certain above {self.certain:.1%}; or "
                f"the same images, for certain above {self.many:.0%}",
                "images of one source are as similar in either split",
            ),
            Evidence(
                "the same images",
                copies.same,
                f"{SAME} or more",
                "up to compression",
            ),
            Evidence(
                "accuracy on copies less that on others",
                effect,
                "the interval above 0",
                "Newcombe, 1998",
            ),
        )


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    low, high = sorted((factor * estimate.low, factor * estimate.high))
    return Estimate(factor * estimate.value, low, high)
