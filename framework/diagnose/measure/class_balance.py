"""Class imbalance in training, and the accuracy that rare classes lose by it."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError
from framework.numerics import labels as labels_lib
from framework.numerics.intervals import Estimate

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

_DRAWS = 1_000


@dataclasses.dataclass(frozen=True)
class ClassBalance(Measurement):
    """The frequencies of the classes.

    Attributes:
        evenness: (exp H - 1) / (K - 1) of the training labels, H their entropy in nats;
            1 for equal frequencies (TheDeepChecker).
        ratio: The largest class by the smallest one.
        gap: Validation accuracy with classes weighted as in training, less balanced
            accuracy; bootstrap within each class.
    """

    evenness: float
    ratio: float
    gap: Estimate

    @classmethod
    def measure(cls, context: DiagnosisContext) -> ClassBalance:
        """See base class."""
        classes = labels_lib.classes(context.labels["train"])
        counts = labels_lib.counts(classes, context.num_classes)
        counts = counts[counts > 0]
        if len(counts) < 2:
            raise NotApplicableError("training has fewer than 2 classes")
        shares = counts / counts.sum()
        entropy = -float(np.sum(shares * np.log(shares)))
        return cls(
            evenness=(math.exp(entropy) - 1) / (len(counts) - 1),
            ratio=float(counts.max() / counts.min()),
            gap=_gap(context),
        )


def _gap(context: DiagnosisContext) -> Estimate:
    labels = context.validation.labels
    counts = np.bincount(context.train.labels, minlength=context.num_classes)
    present = np.unique(labels)
    weights = counts[present] / max(counts[present].sum(), 1) - 1 / len(present)
    correct = context.correct("validation").astype(float)
    return _weighted_mean(correct, labels, present, weights)


def balanced_mean(values: np.ndarray, labels: np.ndarray) -> Estimate:
    """Returns the mean over classes of the means of values.

    Args:
        values: float [N].
        labels: int [N].
    """
    present = np.unique(labels)
    weights = np.full(len(present), 1 / len(present))
    return _weighted_mean(values, labels, present, weights)


def _weighted_mean(
    values: np.ndarray, labels: np.ndarray, present: np.ndarray, weights: np.ndarray
) -> Estimate:
    """Returns a weighted sum of class means, with its bootstrap interval."""
    generator = np.random.Generator(np.random.PCG64(0))
    total, draws = 0.0, np.zeros(_DRAWS)
    for each, weight in zip(present, weights, strict=True):
        members = values[labels == each]
        rows = generator.integers(0, len(members), (_DRAWS, len(members)))
        total += weight * members.mean()
        # One made-up example of either kind, so that agreement is not certainty.
        noise = generator.choice([-1.0, 1.0], _DRAWS) / (len(members) + 2) / 2
        draws += weight * (members[rows].mean(axis=1) + noise)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(float(total), float(low), float(high))
