"""The model overfits."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import (
    MINIMUM_GAIN,
    Decision,
    is_gain,
    not_measured,
    status_of,
    threshold,
)
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements, NotApplicableError
from framework.diagnose.core.threshold import surely_above
from framework.diagnose.core.trials import Trials
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.near_duplicates import NearDuplicates
from framework.diagnose.measure.plateau import Plateau
from framework.diagnose.measure.regularization import AccuracyFall, Regularization
from framework.diagnose.measure.shift import ProbeLoss
from framework.numerics.intervals import Estimate

# Augmentations that keep the class of most images: a mirrored photograph does, a
# mirrored digit does not.
AUGMENT, FLIP = "rotate(10) + shift(.1) + zoom(.1)", " + flip"
_DROPOUT, _DECAY = 0.3, 1e-2


@dataclasses.dataclass(frozen=True)
class Overfitting(Check):
    """Compares accuracy on training images with that on images not trained on.

    Why it matters:
        What is memorized does not help with other images.
    Evidence:
        The gap, and the fall of validation accuracy since its best.
    How it is decided:
        By that fall; by a trial with regularizers that are not in place yet; or by a
        gap so wide that there is no doubt, though more images alone may close it.
    Remedy:
        Augmentation, dropout, weight decay, stopping at the best epoch.
    Sources:
        McNemar (1947), times the evaluations of which the best was taken.

    Attributes:
        gap: The lower bound of the gap; healthy nets memorize as well, and small gaps
            say nothing.
        wide: The lower bound of a gap that is decisive,
        memorized: where training accuracy is this high.
        level: The p-value of a fall.
        shifted: The loss of a probe between the splits, above which validation images
            are of another kind.
        enough: The gain that is enough in any case: no regularizer makes up for all
            images that are missing.
    """

    cause_name: ClassVar[str] = "overfitting"
    phase: ClassVar[Phase] = Phase.LAST
    gap: float = 0.10
    wide: float = 0.15
    memorized: float = 0.95
    level: float = 0.05
    shifted: float = 0.05
    enough: float = 0.05

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        accuracy, fall = measured.get(Accuracy), measured.get(AccuracyFall)
        other = _others(measured)
        clean, gap = accuracy.train_clean.accuracy.value, _gap(measured)
        fell = self._has_fallen(measured) and gap.value > self.gap
        if gap.low <= self.gap and not fell:
            return None
        intervention, advice = _remedy(measured)
        return Suspicion(
            message=(
                f"{clean:.1%} of the training images are right, but {other.value:.1%} "
                f"of those that were not trained on"
            ),
            evidence=(
                Evidence(
                    "gap of training images and others",
                    gap,
                    surely_above(self.gap).points.note(
                        f"; decisive above {self.wide:g}, with more than "
                        f"{self.memorized:g} of the training images learnt"
                    ),
                    "evaluation mode, no augmentation",
                ),
                Evidence(
                    "fall of validation accuracy since its best",
                    fall.fall,
                    threshold(MINIMUM_GAIN).note(f"; p below {self.level:g}"),
                    f"McNemar, times the number of evaluations of which that is the "
                    f"best: p = {fall.p:.2g}",
                ),
            ),
            advice=advice,
            intervention=intervention,
            refute="no higher accuracy after training with these regularizers",
        )

    def decide(
        self, suspicion: Suspicion, measured: Measurements, trials: Trials
    ) -> Decision:
        """See base class."""
        has_fallen = self._has_fallen(measured)
        if has_fallen:
            fall = measured.get(AccuracyFall)
            gain, minimum, tried = fall.fall, MINIMUM_GAIN, suspicion.intervention
        else:
            try:
                result = self._trial(suspicion, trials)
            except NotApplicableError as problem:
                return not_measured(problem)
            if result is None:
                return Decision("suspected")
            gain, minimum, tried = result
        shown = Evidence(
            "gain in validation accuracy once regularized",
            gain,
            threshold(minimum),
            "the best evaluation, against the last"
            if has_fallen
            else "trained anew, against the run's end",
        )
        status = status_of(gain, minimum)
        accuracy = measured.get(Accuracy)
        gap = _gap(measured)
        memorized = accuracy.train_clean.accuracy.value > self.memorized
        # A curve that still rises is not held back by what was memorized.
        plateau = measured.find(Plateau)
        rises = plateau is not None and plateau.verdict == "improving"
        is_wide = gap.low > self.wide and memorized and not rises
        if status != "confirmed" and is_wide and not self._is_other(measured):
            status = "confirmed"
        return Decision(status, gain, (shown,), tried)

    def _trial(
        self, suspicion: Suspicion, trials: Trials
    ) -> tuple[Estimate, float, Intervention] | None:
        """Returns the gain of regularizers, the least that counts, and which ones.

        Raises:
            NotApplicableError: The trial could not be run.
        """
        # What has been accepted so far may have closed the gap.
        if trials.gap <= self.gap:
            return None
        # What is kept from memorizing takes longer: as long as can be paid for.
        length = next((each for each in (3.0, 2.0, 1.0) if trials.can_afford(each)), 0)
        intervention = suspicion.intervention
        if not length or intervention is None:
            return None
        try:
            result = trials.train(self.cause_name, intervention, lengths=length)
        except NotApplicableError:
            # Not every model has a place for dropout.
            intervention = dataclasses.replace(
                intervention, dropout=None, weight_decay=_DECAY
            )
            result = trials.train(self.cause_name, intervention, lengths=length)
        gain = trials.gain(result)
        minimum = max(min(trials.minimum_gain, self.enough), trials.expected)
        if is_gain(gain, minimum):
            trials.accept(result, intervention)
        return gain, minimum, intervention

    def _has_fallen(self, measured: Measurements) -> bool:
        fall = measured.get(AccuracyFall)
        # It is of all images, also of those that were trained on.
        if measured.void > 0:
            return False
        # The best of many evaluations is better than the last by chance as well.
        return is_gain(fall.fall) and fall.p < self.level

    def _is_other(self, measured: Measurements) -> bool:
        """Returns whether accuracy falls for another reason than memorized images."""
        accuracy = measured.get(Accuracy)
        # More images would not help where labels say nothing about them.
        if not accuracy.is_above_chance:
            return True
        # A probe that memorizes nothing loses in validation as well.
        probe = measured.find(ProbeLoss)
        return probe is not None and probe.loss.low > self.shifted


def _others(measured: Measurements) -> Estimate:
    """Returns the accuracy on images that were not trained on."""
    accuracy = measured.get(Accuracy)
    if accuracy.train_dev is None and "split_leakage" in measured.confirmed:
        return measured.get(NearDuplicates).other_accuracy
    return (accuracy.train_dev or accuracy.validation).accuracy


def _gap(measured: Measurements) -> Estimate:
    """Returns the gap; only the images that were not trained on are a sample."""
    clean = measured.get(Accuracy).train_clean.accuracy.value
    other = _others(measured)
    return Estimate(clean - other.value, clean - other.high, clean - other.low)


def _remedy(measured: Measurements) -> tuple[Intervention, str]:
    """Returns the regularizers that are not in use yet, also in words."""
    present, intervention = measured.get(Regularization), Intervention()
    words = []
    if present.has_images and not present.augment:
        augment = AUGMENT + (FLIP if present.has_colors else "")
        intervention |= Intervention(augment=augment)
        words.append("augment")
    if present.dropout < _DROPOUT:
        intervention |= Intervention(dropout=_DROPOUT)
        words.append(f"add dropout of {_DROPOUT:g}")
    if not intervention.differences():
        intervention = Intervention(weight_decay=_DECAY)
        words.append(f"add weight decay of {_DECAY:g}")
    if not measured.settings.early_stopping:
        words.append("stop at the best epoch")
    return intervention, f"{', '.join(words)}, or collect more images"
