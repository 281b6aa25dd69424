"""Validation images are of another kind."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.checks.data.augmentation import with_present
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import at_least, below, surely_above
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.diversity import Diversity
from framework.diagnose.measure.labels import LabelValidity
from framework.diagnose.measure.preprocessing import PreprocessingDifference
from framework.diagnose.measure.shift import ALONE, PERMUTATIONS, ProbeLoss, Shift
from framework.numerics.intervals import Estimate


@dataclasses.dataclass(frozen=True)
class DistributionShift(Check):
    """Tells images of the splits apart by twelve properties, or by an embedding.

    Why it matters:
        A model that has learnt training's light and size does not know others.
    Evidence:
        The area under the curve of a classifier two-sample test, its p-value, the
        properties that differ, and the accuracy that is lost between the splits.
    How it is decided:
        By accuracy on images held out of training beside that on validation images; or
        by a trial of augmentation by what differs.
    Remedy:
        Images that vary as those of validation do; augmentation by what differs.
    Sources:
        Lopez-Paz & Oquab (2017); Rabanser et al. (2019); deepchecks' image property
        drift.

    Attributes:
        auc: The area above which the splits differ. deepchecks warns from .55 on;
            random splits of digits, clothes and flowers gave .50 to .58.
        level: The p-value below which the difference is significant.
        loss: The lower bound of the accuracy that is lost between the splits.
        repeated: The lower bound of repeated training images from where on all
            properties differ as a consequence.
    """

    cause_name: ClassVar[str] = "distribution_shift"
    phase: ClassVar[Phase] = Phase.DATA
    auc: float = 0.6
    level: float = 0.01
    loss: float = 0.03
    repeated: float = 0.2

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        shift = measured.get(Shift)
        if measured.get(LabelValidity).has_illegal:
            return None
        if shift.auc < self.auc or shift.p >= self.level:
            return None
        # A difference that one transform removes is another cause; and of another
        # scale, properties such as brightness tell nothing.
        preprocessing = measured.get(PreprocessingDifference)
        if preprocessing.gain.low > self.loss or preprocessing.is_moved:
            return None
        diversity = measured.find(Diversity)
        if diversity is not None and diversity.repeated.low > self.repeated:
            return None
        held_out = measured.get(Accuracy).gap_from_dev
        loss = held_out if held_out else measured.get(ProbeLoss).loss
        where = (
            "images held out of training less that on validation images"
            if held_out
            else "training images less that on validation images, of a probe"
        )
        # What only an embedding sees has no name, and no augmentation.
        is_seen = bool(shift.named) or shift.features != Shift.features
        if loss.low <= self.loss or not is_seen:
            return None
        return Suspicion(
            is_certain=held_out is not None,
            message=(
                f"validation images differ from training images in "
                f"{', '.join(shift.descriptions) or shift.features}; "
                f"{loss.value:.1%} of accuracy is lost in between"
            ),
            evidence=self._evidence(shift, loss, where),
            advice=(
                "train on images that vary as those of validation do: collect some, or "
                "augment by what differs"
            ),
            intervention=_augmentation(measured, shift),
            refute="no higher accuracy after a run with that augmentation",
            cost=loss,
        )

    def _evidence(
        self, shift: Shift, loss: Estimate, where: str
    ) -> tuple[Evidence, ...]:
        alone = tuple(
            Evidence(f"the same by {name} alone", area, at_least(ALONE), "ranks")
            for name, area in shift.named.items()
        )
        return (
            Evidence(
                "area under the curve, training against validation images",
                shift.auc,
                at_least(self.auc),
                f"cross-validated linear classifier on {shift.features}, "
                f"{PERMUTATIONS} permutations; as many of each class from either split",
            ),
            Evidence(
                "p of such an area by chance",
                shift.p,
                below(self.level),
                "from the same permutations",
            ),
            *alone,
            Evidence(
                f"accuracy on {where}",
                loss,
                surely_above(self.loss).points,
                "Newcombe, 1998",
            ),
        )


def _augmentation(measured: Measurements, shift: Shift) -> Intervention | None:
    """Returns the augmentation by what differs; None if no property does."""
    if not shift.named:
        return None
    return Intervention(augment=with_present(measured.settings, shift.augment))
