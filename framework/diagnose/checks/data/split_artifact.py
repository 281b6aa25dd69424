"""The splits hold different classes."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above, below
from framework.diagnose.measure.labels import LabelValidity, SplitComposition


@dataclasses.dataclass(frozen=True)
class SplitArtifact(Check):
    """Compares the classes of the splits.

    Why it matters:
        Images of a class that training never shows cannot be right. `validation_split`
        of Keras takes the last images as they are stored.
    Evidence:
        Images of unseen classes, the distance and the p-value of the class shares, and
        the order in which images are stored.
    How it is decided:
        By counting: a class is absent from one split, beyond chance.
    Remedy:
        Shuffle before splitting, or stratify.
    Sources:
        deepchecks' label drift; the chi-squared test.

    Attributes:
        level: The p-value below which class shares differ.
        distance: The total variation above which they matter. deepchecks warns from .15
            on; here a class is missing as well, so .1 is enough.
        sorted_bits: Mutual information of label and position above which images are
            stored in the order of their classes: half a bit; shuffled ones have 0.
    """

    cause_name: ClassVar[str] = "split_artifact"
    phase: ClassVar[Phase] = Phase.DATA
    level: float = 0.01
    distance: float = 0.1
    sorted_bits: float = 0.5

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        if measured.get(LabelValidity).has_illegal:
            return None
        splits = measured.get(SplitComposition)
        differs = splits.p < self.level and splits.distance > self.distance
        if not differs or not (splits.unseen_classes or splits.missing_classes):
            return None
        reasons = []
        if splits.unseen_classes:
            reasons.append(
                f"{splits.unseen.value:.1%} of the validation images are of classes "
                f"that training never shows: {splits.unseen_classes}"
            )
        if splits.missing_classes:
            reasons.append(
                f"validation has no image of {splits.missing_classes}, which training "
                f"has"
            )
        if splits.order_bits > self.sorted_bits:
            reasons.append("images are stored in the order of their classes")
        return Suspicion(
            is_certain=True,
            message="; ".join(reasons),
            evidence=self._evidence(splits),
            advice=(
                "shuffle before splitting, or split each class in the same proportion "
                "(stratify); validation_split of Keras takes the last images as they "
                "are"
            ),
            code=(
                "from sklearn.model_selection import train_test_split",
                "x_train, x_validation, y_train, y_validation = train_test_split(",
                "    x, y, test_size=0.2, stratify=y, random_state=0",
                ")",
            ),
            refute="np.bincount of the labels of both splits: the same classes in each",
            cost=splits.unseen if splits.unseen_classes else None,
        )

    def _evidence(self, splits: SplitComposition) -> tuple[Evidence, ...]:
        return (
            Evidence(
                "validation images of unseen classes",
                splits.unseen,
                "classes with less than 1% of their share in training",
                "by counting",
            ),
            Evidence(
                "distance of the class shares",
                splits.distance,
                above(self.distance),
                "total variation; deepchecks warns from 0.15 on",
            ),
            Evidence(
                "p of equal class shares",
                splits.p,
                below(self.level),
                "chi-squared, by permutation where fewer than 5 are expected; "
                "repeated images count once",
            ),
            Evidence(
                "order of the labels as stored, in bits",
                splits.order_bits,
                above(self.sorted_bits).note(": sorted"),
                "mutual information with the position, in 10 parts, less that of "
                "shuffled labels",
            ),
        )
