"""Whether validation accuracy is static, and whether the set could show a change."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement
from framework.diagnose.measure import chance
from framework.diagnose.measure.accuracy import Accuracy
from framework.numerics.intervals import (
    Estimate,
    detectable,
    difference,
    mcnemar,
    proportion,
    trend,
)
from framework.numerics.metrics import Predictions

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# The window is this fraction of all evaluations, the last ones; at least this many.
_WINDOW_FRACTION = 0.2
_WINDOW = 5
# The p-value of a trend.
LEVEL = 0.05
# A validation set must show a difference of fifteen points: 111 of 129 faulty programs
# in the calibration half of the zoo lose more (benchmarks/zoo/admitted.json).
COARSE = 0.15
# As good as on the training images, for all practical purposes.
_NO_GAP = 0.03
_GAP = 0.10


@dataclasses.dataclass(frozen=True)
class Plateau(Measurement):
    """The curve of validation accuracy: its trend, and its verdict.

    Attributes:
        verdict: diverged, at_chance, improving, not_static (it falls), unresolvable,
            ceiling or static.
        reason: Why, in a sentence.
        accuracy: Of the last evaluation.
        evaluations: How many there were.
        window: How many of the last evaluations the test uses.
        change: By how much accuracy changed over the window, by its trend.
        p: Of that trend (Mann-Kendall).
        churn: Fraction of the images whose prediction changed over the window.
        p_pair: McNemar's p-value of the corrected and the newly wrong ones of these.
        detectable: The smallest change of accuracy that the set can show.
        gap: Accuracy on training images, in evaluation mode, less that on validation.
    """

    verdict: str
    reason: str
    accuracy: Estimate
    evaluations: int
    window: int
    change: float
    p: float
    churn: float
    p_pair: float
    detectable: float
    gap: Estimate | None

    @classmethod
    def measure(cls, context: DiagnosisContext) -> Plateau:
        """See base class."""
        accuracy = context.get(Accuracy)
        return assess(
            context.predictions,
            context.num_classes,
            accuracy.train_clean.accuracy,
            context.settings.diverged_in,
            accuracy.p_chance,
        )


def assess(
    predictions: Sequence[Predictions],
    num_classes: int,
    clean: Estimate | None = None,
    diverged_in: int = 0,
    p_chance: float | None = None,
) -> Plateau:
    """Tests a curve for a plateau.

    Args:
        predictions: Of the validation images, by evaluation; one at least.
        num_classes: How many classes there are.
        clean: Accuracy on training images in evaluation mode, after the last step.
        diverged_in: The step in which numbers were no longer finite; 0 for none.
        p_chance: See `Accuracy`; used where there are too few classes to rename.
    """
    right = [each.predicted == each.labels for each in predictions]
    accuracies = [float(np.mean(each)) for each in right]
    total = len(right[-1])
    accuracy = proportion(int(right[-1].sum()), total)
    window = min(len(right), max(_WINDOW, math.ceil(_WINDOW_FRACTION * len(right))))
    first, last = right[-window], right[-1]
    slope, p = trend(accuracies[-window:])
    result = Plateau(
        verdict="",
        reason="",
        accuracy=accuracy,
        evaluations=len(right),
        window=window,
        change=slope * (window - 1),
        p=p,
        churn=float(np.mean(first != last)),
        p_pair=mcnemar(int(np.sum(last & ~first)), int(np.sum(first & ~last))),
        detectable=detectable(accuracy.value, total),
        gap=difference(clean, accuracy) if clean else None,
    )
    verdict, reason = _verdict(
        result, predictions[-1], num_classes, diverged_in, p_chance
    )
    return dataclasses.replace(result, verdict=verdict, reason=reason)


def _verdict(
    plateau: Plateau,
    last: Predictions,
    num_classes: int,
    diverged_in: int,
    p_chance: float | None,
) -> tuple[str, str]:
    total = len(last.labels)
    shown = f"{plateau.accuracy.value:.1%} of {total:,} images"
    if diverged_in:
        return "diverged", (
            f"numbers were no longer finite in step {diverged_in:,}, where training "
            f"ended; validation accuracy was {shown} before"
        )
    if _is_chance(last, plateau.accuracy, num_classes, p_chance):
        if len(np.unique(last.labels)) == 1:
            return "at_chance", (
                f"all {total:,} validation images are of one class: always answering "
                f"it gives 100%, so an accuracy of {plateau.accuracy.value:.1%} tells "
                f"nothing of what was learnt"
            )
        return "at_chance", f"validation accuracy, {shown}, is what guessing gives"
    if plateau.evaluations < 3:
        return "unresolvable", f"there are only {plateau.evaluations} evaluations"
    if plateau.p < LEVEL and abs(plateau.change) > 1 / total:
        if plateau.change > 0:
            return "improving", (
                f"it rose by {plateau.change:.1%} over the last {plateau.window} "
                "evaluations"
            )
        return "not_static", (
            f"it fell by {-plateau.change:.1%} over the last {plateau.window} "
            "evaluations"
        )
    if 1 - plateau.accuracy.value <= plateau.detectable:
        return "ceiling", (
            f"{shown}: what is missing is less than the {plateau.detectable:.1%} that "
            f"they can resolve"
        )
    has_gap = plateau.gap is not None and plateau.gap.low > _GAP
    if plateau.detectable > COARSE and not has_gap:
        half = (plateau.accuracy.high - plateau.accuracy.low) / 2
        return "unresolvable", (
            f"cannot tell: {total:,} images resolve +-{half:.1%}, and changes of less "
            f"than {plateau.detectable:.1%} stay unseen"
        )
    if plateau.gap is not None and plateau.gap.high < _NO_GAP:
        return "ceiling", (
            f"{shown}, as on the training images: nothing was learnt by heart, and no "
            f"image is at a disadvantage"
        )
    return "static", (
        f"{shown}, with no trend over the last {plateau.window} evaluations (p = "
        f"{plateau.p:.2g})"
    )


def _is_chance(
    last: Predictions, accuracy: Estimate, num_classes: int, p_chance: float | None
) -> bool:
    """Returns whether guessing, or always predicting one class, does as well."""
    if chance.can_rename(last.labels):
        p_chance = chance.p_of_renaming(last.labels, last.predicted)
    if p_chance is not None:
        return p_chance >= chance.LEVEL
    counts = np.bincount(last.labels, minlength=num_classes)
    majority = counts.max() / counts.sum()
    # A model that knows something of rare classes does not guess.
    recalls, variance = [], 0.0
    for label in np.flatnonzero(counts):
        recall = proportion(
            int(np.sum((last.labels == label) & (last.predicted == label))),
            int(counts[label]),
        )
        recalls.append(recall.value)
        variance += ((recall.high - recall.low) / 4) ** 2
    balanced, error = float(np.mean(recalls)), math.sqrt(variance) / len(recalls)
    if balanced > 1 / len(recalls) + 2 * error:
        return False
    return accuracy.low <= max(majority, 1 / num_classes)
