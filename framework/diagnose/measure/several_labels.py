"""What is known of a program whose images may have several labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.measure.accuracy import Accuracy, SplitAccuracy
from framework.diagnose.measure.plateau import Plateau
from framework.numerics.intervals import detectable, difference, proportion

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext


def accuracy(context: DiagnosisContext) -> Accuracy:
    """Returns the accuracy of each split: images of which all labels are right.

    Args:
        context: The program; its outputs are logits.
    """
    train, validation = _of_split(context, "train"), _of_split(context, "validation")
    dev = _of_split(context, "dev") if len(context.dev) else None
    return Accuracy(
        classes=context.num_classes,
        train_clean=train,
        train_dev=dev,
        validation=validation,
        training_mode=train.accuracy,
        gap=difference(train.accuracy, validation.accuracy),
        gap_to_dev=difference(train.accuracy, dev.accuracy) if dev else None,
        gap_from_dev=difference(dev.accuracy, validation.accuracy) if dev else None,
    )


def plateau(context: DiagnosisContext, accuracy: Accuracy, reason: str) -> Plateau:
    """Returns a curve without a verdict.

    Args:
        context: The program.
        accuracy: Its accuracy.
        reason: Why there is no verdict.
    """
    last = accuracy.validation
    return Plateau(
        verdict="unresolvable",
        reason=f"not applicable: {reason}",
        accuracy=last.accuracy,
        evaluations=len(context.predictions),
        window=0,
        change=0.0,
        p=math.nan,
        churn=math.nan,
        p_pair=math.nan,
        detectable=detectable(last.accuracy.value, last.images),
        gap=accuracy.gap,
    )


def _of_split(context: DiagnosisContext, name: str) -> SplitAccuracy:
    labels, logits = context.split(name).labels, context.outputs(name)
    predicted = (logits > 0).astype(labels.dtype)
    correct, total = (predicted == labels).all(axis=1), len(labels)
    losses = np.logaddexp(0, logits.astype(np.float64)) - labels * logits
    return SplitAccuracy(
        images=total,
        accuracy=proportion(int(correct.sum()), total),
        loss=float(losses.mean()),
        modal_fraction=_modal_fraction(predicted),
        majority=_modal_fraction(labels),
    )


def _modal_fraction(labels: np.ndarray) -> float:
    """Returns the fraction of the most frequent combination of labels."""
    _, counts = np.unique(labels, axis=0, return_counts=True)
    return float(counts.max() / len(labels))
