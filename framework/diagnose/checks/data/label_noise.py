"""Labels are noisy."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.checks.data.pruning import train_without
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.trials import MINIMUM_GAIN, Decision, Trials, status_of
from framework.diagnose.measure.features import Features
from framework.diagnose.measure.label_agreement import (
    EASY_OF_CLASS,
    FlaggedLabels,
    LabelAgreement,
    flagged,
)
from framework.diagnose.measure.label_signal import LabelSignal
from framework.diagnose.measure.labels import LabelValidity
from framework.numerics.intervals import difference


@dataclasses.dataclass(frozen=True)
class LabelNoise(Check):
    """Looks for labels of easy images that all similar images contradict.

    Why it matters:
        Networks memorize wrong labels, and are as wrong in validation.
    Evidence:
        The contradicted labels of the images that a cross-validated linear probe is
        surest of, in training, in the worst class and in validation.
    How it is decided:
        By far more of them than in validation; or by trials without the flagged images,
        beside trials without as many others of the same classes.
    Remedy:
        Relabel or remove the flagged images.
    Sources:
        Confident learning (Northcutt et al., 2021), by cleanlab; Rolnick et al. (2017)
        for how much networks tolerate.

    Attributes:
        fraction: Of contradicted easy labels: networks tolerate less than a twentieth.
        certain: The lower bound of that fraction.
        certain_in_class: The lower bound of the fraction of the worst class. Of a class
            that a third of another is mistaken for, this much is seen; of shirts, which
            look like T-shirts, 12 % (Fashion-MNIST).
        excess: The lower bound of the excess over validation, whose images are as hard,
            that is decisive: three times what networks tolerate.
        trusted: The fraction in validation up to which the probe is believed: twice
            that.
        sees: Standard deviations from chance; a probe that sees nothing contradicts
            everything.
    """

    cause_name: ClassVar[str] = "label_noise"
    phase: ClassVar[Phase] = Phase.LAST
    fraction: float = 0.05
    certain: float = 0.02
    certain_in_class: float = 0.15
    excess: float = 0.15
    trusted: float = 0.10
    sees: float = 5.0

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        agreement = measured.get(LabelAgreement)
        easy, worst = agreement.easy, agreement.worst
        is_blind = measured.get(LabelSignal).signals["train"].z < self.sees
        is_spread = easy.value >= self.fraction and easy.low > self.certain
        in_class = worst.low > self.certain_in_class
        if measured.get(LabelValidity).has_illegal or is_blind:
            return None
        if not (is_spread or in_class):
            return None
        excess = difference(easy, agreement.validation)
        # A probe that errs on its most confident images cannot contradict labels.
        is_trusted = agreement.validation.value <= self.trusted
        return Suspicion(
            is_certain=excess.low > self.excess and is_trusted,
            message=(
                f"{easy.value:.1%} of the labels of easy training images are "
                f"contradicted by all similar images; worst are images that look like "
                f"{agreement.worst_class}, {worst.value:.1%}"
            ),
            evidence=(
                *self._evidence(agreement, measured.get(FlaggedLabels)),
                Evidence(
                    "contradicted labels of easy images, more than in validation",
                    excess,
                    f"for certain above {self.excess:.0%}, and those "
                    f"{self.trusted:.0%} or fewer: decisive",
                    f"the same probe, which contradicts "
                    f"{agreement.validation.value:.1%} of easy validation labels",
                ),
            ),
            advice="look through the flagged images and relabel or remove them",
            code=(
                "from cleanlab.filter import find_label_issues",
                "flagged = find_label_issues(y_train, out_of_fold_probabilities)",
                "x_train, y_train = x_train[~flagged], y_train[~flagged]",
            ),
            refute="a person who looks through the flagged images and finds them right",
        )

    def decide(
        self, suspicion: Suspicion, measured: Measurements, trials: Trials
    ) -> Decision:
        """See base class."""
        del suspicion, measured
        train = trials.context.train
        flags = flagged(Features(train.images)(train.images), train.labels)
        gain = train_without(trials, self.cause_name, flags)
        if gain is None:
            return Decision("suspected")
        shown = Evidence(
            "gain in validation accuracy without the flagged images",
            gain,
            f"the interval above 0, and {MINIMUM_GAIN:.0%} or more",
            "trained anew, against the same without as many others of the same classes",
        )
        return Decision(status_of(gain), gain, (shown,))

    def _evidence(
        self, agreement: LabelAgreement, flags: FlaggedLabels
    ) -> tuple[Evidence, ...]:
        return (
            Evidence(
                "contradicted labels of easy images",
                agreement.easy,
                f"{self.fraction:.0%} or more, for certain above {self.certain:.0%}",
                "the tenth of which a cross-validated linear probe is surest",
            ),
            Evidence(
                f"the same, images like {agreement.worst_class}",
                agreement.worst,
                f"for certain above {self.certain_in_class:.0%}",
                f"the worst class, of its easiest {EASY_OF_CLASS:.0%}",
            ),
            Evidence(
                "labels flagged",
                flags.fraction,
                "shown only: hard images are flagged as well",
                "confident learning (cleanlab), out of fold",
            ),
        )
