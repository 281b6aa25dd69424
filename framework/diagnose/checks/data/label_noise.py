"""Labels are noisy."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar

from framework.diagnose.checks.data.pruning import train_without
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import (
    MINIMUM_GAIN,
    Decision,
    is_gain,
    status_of,
    threshold,
)
from framework.diagnose.core.finding import Evidence, ImageList
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import at_least, below, surely_above
from framework.diagnose.core.trials import Trials
from framework.diagnose.measure.label_agreement import (
    EASY_OF_CLASS,
    FlaggedImages,
    FlaggedLabels,
    LabelAgreement,
)
from framework.diagnose.measure.label_signal import LabelSignal
from framework.diagnose.measure.labels import LabelValidity
from framework.diagnose.measure.regularization import AccuracyFall
from framework.numerics.intervals import Estimate, difference

# Where validation is known to differ from training, it is no control.
_DIFFERENT = {"preprocessing_mismatch", "distribution_shift", "split_artifact"}


@dataclasses.dataclass(frozen=True)
class LabelNoise(Check):
    """Looks for labels of easy images that all similar images contradict.

    Why it matters:
        Networks memorize wrong labels, and are as wrong in validation.
    Evidence:
        The contradicted labels of the images that a cross-validated linear probe is
        surest of, in training and in the worst class, each beside validation.
    How it is decided:
        Images that are hard are as hard in validation: only an excess over validation
        counts. Where labels are contradicted as often in both, it must be far more than
        is usual, and the model no better than the probe on validation images. Decided
        by far more of them than in validation; or, where the excess is certain, by a
        fall of accuracy since its best, or by trials without the flagged images, beside
        trials without as many others of the same classes. Without that excess nothing
        is tried: hard images with right labels are flagged as well, and a model that
        learns too little gains 6 to 9 points without them (clean flowers).
    Remedy:
        Relabel the flagged images, or leave them out.
    Sources:
        Confident learning (Northcutt et al., 2021), by cleanlab; Rolnick et al. (2017)
        for how much networks tolerate.

    Attributes:
        fraction: Of contradicted easy labels: networks tolerate less than a twentieth.
        certain: The lower bound of that fraction, and of its excess over validation.
        certain_in_class: The lower bound of the fraction of the worst class. Of a class
            that a third of another is mistaken for, this much is seen; of shirts, which
            look like T-shirts, 12 % (Fashion-MNIST).
        excess: The lower bound of the excess over validation, whose images are as hard,
            that is decisive: three times what networks tolerate.
        controls: Validation images of the worst class that are enough for a control;
            of fewer, no excess can be certain, and the rate alone counts.
        in_both: The lower bound of the fraction in both splits, where there is no
            excess. Of right labels it is .03 among flowers, and with 30 % of wrong
            ones in both splits .22 to .41 (digits, clothes, flowers).
        confused: The excess over validation, of a label with a prediction,
        level: and its p-value, over all pairs: labels of one class given to another.
        level_of_class: The p-value of the excess of the worst class, over all classes.
        memorized: The excess over validation that is decisive where accuracy has fallen
            since its best: twice what networks tolerate.
        level_of_fall: The p-value of that fall.
        trusted: The fraction in validation up to which the probe is believed: twice
            that.
        sees: Standard deviations from chance; a probe that sees nothing contradicts
            everything.
        copied: The fraction of validation images that may be copies of training images
            up to which validation is a control: labels of copies are not contradicted,
            and so the excess changes by no more than that part of the rate.
    """

    cause_name: ClassVar[str] = "label_noise"
    phase: ClassVar[Phase] = Phase.LAST
    fraction: float = 0.05
    certain: float = 0.02
    certain_in_class: float = 0.15
    excess: float = 0.15
    controls: int = 20
    in_both: float = 0.2
    confused: float = 0.1
    level: float = 0.01
    level_of_class: float = 0.05
    memorized: float = 0.1
    level_of_fall: float = 0.05
    trusted: float = 0.10
    sees: float = 5.0
    copied: float = 0.1

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        agreement = measured.get(LabelAgreement)
        easy, worst = agreement.easy, agreement.worst
        z = agreement.embedding_z
        if z is None:
            z = measured.get(LabelSignal).signals["train"].z
        is_blind = z < self.sees
        excess = difference(easy, agreement.validation)
        if measured.get(LabelValidity).has_illegal or is_blind:
            return None
        if self._has_control(measured):
            is_noisy = (
                self._is_noisier(easy, excess)
                or self._is_noisier_in_class(agreement)
                or self._is_confused(agreement)
                or self._is_noisy_in_both(agreement)
            )
        else:
            is_noisy = easy.low > self.in_both
        if not is_noisy:
            return None
        # A probe that errs on its most confident images cannot contradict labels.
        is_trusted = agreement.validation.value <= self.trusted
        return Suspicion(
            is_certain=(
                excess.low > self.excess and is_trusted and self._has_control(measured)
            ),
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
                    surely_above(self.excess).note(
                        f": decisive, if those are {self.trusted:.0%} or fewer"
                    ),
                    f"the same probe, which contradicts "
                    f"{agreement.validation.value:.1%} of easy validation labels",
                ),
                Evidence(
                    f"{agreement.confusion or 'a class labelled as another'}, more "
                    f"than in validation",
                    agreement.confused,
                    at_least(self.confused),
                    "the same probe",
                ),
                Evidence(
                    "p of such a difference by chance",
                    agreement.confused_p,
                    below(self.level),
                    "Fisher's exact test, times the number of pairs of classes",
                ),
            ),
            advice="look through the flagged images and relabel or leave them out",
            images=functools.partial(self._flagged, measured),
            refute="a person who looks through the flagged images and finds them right",
        )

    def decide(
        self, suspicion: Suspicion, measured: Measurements, trials: Trials
    ) -> Decision:
        """See base class."""
        del suspicion
        agreement = measured.get(LabelAgreement)
        if not (self._has_control(measured) and self._exceeds_validation(agreement)):
            return Decision("suspected")
        memorized = self._memorized(measured)
        if memorized is not None:
            return memorized
        found = measured.find(FlaggedImages)
        if found is None:
            return Decision("suspected")
        flags = found.flags(self._most(agreement))
        gain = train_without(trials, self.cause_name, flags)
        if gain is None:
            return Decision("suspected")
        shown = Evidence(
            "gain in validation accuracy without the flagged images",
            gain,
            threshold(MINIMUM_GAIN),
            "trained anew, against the same without as many others of the same classes",
        )
        return Decision(status_of(gain), gain, (shown,))

    def _most(self, agreement: LabelAgreement) -> float:
        """Returns the largest fraction of the training images to leave out.

        A probe that sees less than the model also flags what is hard: no more labels
        are left out than are contradicted beyond validation's.
        """
        if agreement.probe_lead.low > 0:
            return 1.0
        return max(agreement.easy.value - agreement.validation.value, self.fraction)

    def _flagged(self, measured: Measurements) -> ImageList | None:
        """Returns the images that a trial would leave out."""
        found = measured.find(FlaggedImages)
        if found is None or not len(found.rows):
            return None
        most = self._most(measured.get(LabelAgreement))
        count = int(found.flags(most).sum())
        reason = "similar images are of the likely class"
        return ImageList("flagged", found.places[:count], found.likely[:count], reason)

    def _memorized(self, measured: Measurements) -> Decision | None:
        """Returns the decision if accuracy has fallen since its best; else None."""
        agreement, fall = measured.get(LabelAgreement), measured.find(AccuracyFall)
        excess = difference(agreement.easy, agreement.validation)
        if fall is None or measured.void > 0:
            return None
        is_large = excess.value >= self.memorized and excess.low > self.certain
        if not (is_large or self._is_confused(agreement)):
            return None
        if not is_gain(fall.fall) or fall.p >= self.level_of_fall:
            return None
        shown = Evidence(
            "fall of validation accuracy since its best",
            fall.fall,
            threshold(MINIMUM_GAIN).note(
                f"; p below {self.level_of_fall:g}, and {self.memorized:.0%} or more "
                "contradicted labels beyond validation's, of all or of a pair of "
                "classes"
            ),
            f"McNemar, times the number of evaluations of which that is the best: p = "
            f"{fall.p:.2g}",
        )
        return Decision("confirmed", fall.fall, (shown,))

    def _exceeds_validation(self, agreement: LabelAgreement) -> bool:
        """Returns whether labels are contradicted more often than in validation."""
        excess = difference(agreement.easy, agreement.validation)
        return (
            self._is_noisier(agreement.easy, excess)
            or self._is_confused(agreement)
            or agreement.worst_p < self.level_of_class
        )

    def _is_noisier(self, easy: Estimate, excess: Estimate) -> bool:
        return min(easy.value, excess.value) >= self.fraction and (
            min(easy.low, excess.low) > self.certain
        )

    def _is_noisier_in_class(self, agreement: LabelAgreement) -> bool:
        """Returns whether one class is contradicted more than in validation."""
        if agreement.worst.low <= self.certain_in_class:
            return False
        if agreement.worst_controls < self.controls:
            excess = difference(agreement.worst, agreement.worst_in_validation)
            return not excess.value < self.certain_in_class
        return agreement.worst_p < self.level_of_class

    def _is_confused(self, agreement: LabelAgreement) -> bool:
        is_certain = agreement.confused_p < self.level
        return is_certain and agreement.confused.value >= self.confused

    def _is_noisy_in_both(self, agreement: LabelAgreement) -> bool:
        """Returns whether both splits are noisy; the model knows no better then."""
        rates = agreement.easy, agreement.validation
        is_noisy = all(each.low > self.in_both for each in rates)
        return is_noisy and agreement.probe_lead.high > 0

    def _evidence(
        self, agreement: LabelAgreement, flags: FlaggedLabels
    ) -> tuple[Evidence, ...]:
        return (
            Evidence(
                "contradicted labels of easy images",
                agreement.easy,
                at_least(self.fraction) & surely_above(self.certain),
                f"the tenth of which a cross-validated linear probe of "
                f"{agreement.features} is surest",
            ),
            Evidence(
                f"the same, images like {agreement.worst_class}",
                agreement.worst,
                surely_above(self.certain_in_class).note(
                    f"; p below {self.level_of_class:g}"
                ),
                f"the worst class, of its easiest {EASY_OF_CLASS:.0%}; in validation "
                f"{agreement.worst_in_validation.value:.1%} of "
                f"{agreement.worst_controls}, p = {agreement.worst_p:.2g} times the "
                f"number of classes",
            ),
            Evidence(
                "labels flagged",
                flags.fraction,
                "shown only: hard images are flagged as well",
                "confident learning (cleanlab), out of fold",
            ),
        )

    def _has_control(self, measured: Measurements) -> bool:
        """Returns whether validation images are like training images held out."""
        return not _DIFFERENT & measured.confirmed and measured.void <= self.copied
