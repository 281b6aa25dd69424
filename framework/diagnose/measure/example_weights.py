"""The weights of training examples, as the loss multiplies them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError
from framework.numerics import labels as labels_lib

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# A class with less than a hundredth of the share of its images is in training in name
# only, as in `measure.labels`.
_CANCELLED = 0.01
_MOST_NAMES = 5


@dataclasses.dataclass(frozen=True)
class ExampleWeights(Measurement):
    """The weights of the training examples.

    Attributes:
        examples: Their number, N.
        not_finite: Weights that are not a number, or infinite.
        negative: Weights below 0.
        zero: Weights that are 0.
        cancelled: The number of classes whose share of all weights is less than a
            hundredth of their share of the examples.
        cancelled_names: Their names, in words; "" for none.
        cancelled_examples: Fraction of the examples that are of these classes.
        effective: Kish's effective number of examples, (sum w)^2 / sum w^2, as a
            fraction of N; 0 if all weights are.
    """

    examples: int
    not_finite: int
    negative: int
    zero: int
    cancelled: int
    cancelled_names: str
    cancelled_examples: float
    effective: float

    @classmethod
    def measure(cls, context: DiagnosisContext) -> ExampleWeights:
        """See base class."""
        given = context.weights.get("train")
        if given is None:
            raise NotApplicableError("the training examples have no weights")
        weights = np.asarray(given, np.float64)
        labels = labels_lib.classes(context.labels["train"])
        is_finite = np.isfinite(weights)
        used = np.where(is_finite, np.maximum(weights, 0), 0)
        total = float(used.sum())
        names, fraction = _cancelled(context, labels, used) if total else ([], 0.0)
        text = ", ".join(names[:_MOST_NAMES])
        return cls(
            examples=len(weights),
            not_finite=int(np.sum(~is_finite)),
            negative=int(np.sum(weights[is_finite] < 0)),
            zero=int(np.sum(weights == 0)),
            cancelled=len(names),
            cancelled_names=text + (" and others" * (len(names) > _MOST_NAMES)),
            cancelled_examples=fraction,
            effective=total**2 / float(np.sum(used**2)) / len(used) if total else 0.0,
        )


def _cancelled(
    context: DiagnosisContext, labels: np.ndarray, weights: np.ndarray
) -> tuple[list[str], float]:
    """Returns the names of the classes with next to no weight, and their share."""
    is_class = (labels >= 0) & (labels < context.num_classes)
    labels, weights = labels[is_class], weights[is_class]
    counts = np.bincount(labels, minlength=context.num_classes)
    sums = np.bincount(labels, weights, minlength=context.num_classes)
    shares = counts / max(counts.sum(), 1)
    is_cancelled = (counts > 0) & (sums < _CANCELLED * shares * weights.sum())
    names = [context.class_names[index] for index in np.flatnonzero(is_cancelled)]
    return names, float(shares[is_cancelled].sum())
