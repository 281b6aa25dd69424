"""Whether validation accuracy is static at all, and whether this set could show it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from framework.numerics.intervals import (
    Estimate,
    detectable,
    difference,
    mcnemar,
    proportion,
    trend,
)
from framework.numerics.metrics import Predictions

# Of all evaluations, the last share is looked at; but so many at least.
_WINDOW_SHARE = 0.2
_WINDOW = 5
_LEVEL = 0.05
# An improvement of fifteen points is what nobody would want to overlook.
_COARSE = 0.15
# As good as on the training images, for all practical purposes.
_NO_GAP = 0.03
_GAP = 0.10


@dataclasses.dataclass(frozen=True)
class Gate:
    """What can be said of the curve of validation accuracy.

    Attributes:
        verdict: at_chance, improving, not_static (it falls), unresolvable, ceiling or
            static.
        reason: Why, in a sentence.
        accuracy: Of the last evaluation.
        evaluations: How many there were.
        window: How many of the last were looked at.
        change: By how much accuracy changed over the window, by its trend.
        p: Of that trend (Mann-Kendall).
        churn: Share of the images about which the model changed its mind over the
            window.
        p_pair: Of as many fixed as broken ones among those (McNemar).
        detectable: The least change of accuracy that the set could show.
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

    def as_json(self) -> dict[str, Any]:
        """Returns a JSON value."""
        return dataclasses.asdict(self)


def gate(
    predictions: Sequence[Predictions],
    num_classes: int,
    clean: Estimate | None = None,
) -> Gate:
    """Returns what can be said of a run.

    Args:
        predictions: Of the validation images, by evaluation; one at least.
        num_classes: How many classes there are.
        clean: Accuracy on training images in evaluation mode, after the last step.
    """
    right = [found.predicted == found.labels for found in predictions]
    accuracies = [float(np.mean(each)) for each in right]
    total = len(right[-1])
    accuracy = proportion(int(right[-1].sum()), total)
    window = min(len(right), max(_WINDOW, math.ceil(_WINDOW_SHARE * len(right))))
    first, last = right[-window], right[-1]
    slope, p = trend(accuracies[-window:])
    result = Gate(
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
    verdict, reason = _verdict(result, predictions[-1], num_classes, total)
    return dataclasses.replace(result, verdict=verdict, reason=reason)


def _verdict(
    gate: Gate, last: Predictions, num_classes: int, total: int
) -> tuple[str, str]:
    shown = f"{gate.accuracy.value:.1%} of {total:,} images"
    if _is_chance(last, gate.accuracy, num_classes):
        return "at_chance", f"validation accuracy, {shown}, is what guessing gives"
    if gate.evaluations < 3:
        return "unresolvable", f"there are only {gate.evaluations} evaluations"
    if gate.p < _LEVEL and abs(gate.change) > 1 / total:
        if gate.change > 0:
            return "improving", (
                f"it rose by {gate.change:.1%} over the last {gate.window} evaluations"
            )
        return "not_static", (
            f"it fell by {-gate.change:.1%} over the last {gate.window} evaluations"
        )
    if 1 - gate.accuracy.value <= gate.detectable:
        return "ceiling", (
            f"{shown}: what is missing is less than the {gate.detectable:.1%} that "
            f"they can resolve"
        )
    has_gap = gate.gap is not None and gate.gap.low > _GAP
    if gate.detectable > _COARSE and not has_gap:
        half = (gate.accuracy.high - gate.accuracy.low) / 2
        return "unresolvable", (
            f"cannot tell: {total:,} images resolve +-{half:.1%}, and changes of less "
            f"than {gate.detectable:.1%} stay unseen"
        )
    if gate.gap is not None and gate.gap.high < _NO_GAP:
        return "ceiling", (
            f"{shown}, as on the training images: nothing was learnt by heart, and no "
            f"image is at a disadvantage"
        )
    return "static", (
        f"{shown}, with no trend over the last {gate.window} evaluations (p = "
        f"{gate.p:.2g})"
    )


def _is_chance(last: Predictions, accuracy: Estimate, num_classes: int) -> bool:
    """Returns whether guessing, or naming one class always, would do as well."""
    counts = np.bincount(last.labels, minlength=num_classes)
    majority = counts.max() / counts.sum()
    # A model that knows something of rare classes does not guess.
    recalls, variance = [], 0.0
    for label in np.flatnonzero(counts):
        found = proportion(
            int(np.sum((last.labels == label) & (last.predicted == label))),
            int(counts[label]),
        )
        recalls.append(found.value)
        variance += ((found.high - found.low) / 4) ** 2
    balanced, error = float(np.mean(recalls)), math.sqrt(variance) / len(recalls)
    if balanced > 1 / len(recalls) + 2 * error:
        return False
    return accuracy.low <= max(majority, 1 / num_classes)
