"""What can be seen of a loop from outside: its modes, and a linear probe beside it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError
from framework.diagnose.measure import ridge
from framework.diagnose.measure.samples import Samples
from framework.numerics import outputs
from framework.numerics.intervals import Estimate, paired_difference

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext


@dataclasses.dataclass(frozen=True)
class LoopModes(Measurement):
    """Training mode compared with evaluation mode, of a program that is not seen into.

    Attributes:
        on_train: Accuracy on training images in training mode, less that in evaluation
            mode.
        on_validation: The same on validation images.
        train_accuracy: On training images in training mode.
        majority: Fraction of the most frequent class of the training images.
    """

    on_train: Estimate
    on_validation: Estimate
    train_accuracy: float
    majority: float

    @classmethod
    def measure(cls, context: DiagnosisContext) -> LoopModes:
        """See base class."""
        _require_opaque(context)
        differences = {}
        for name in ("train", "validation"):
            in_training = outputs.predicted(context.outputs(name, training=True))
            differences[name] = paired_difference(
                in_training == context.split(name).labels, context.correct(name)
            )
        labels = context.train.labels
        return cls(
            differences["train"],
            differences["validation"],
            float(np.mean(context.correct("train", training=True))),
            float(np.bincount(labels).max() / len(labels)),
        )


@dataclasses.dataclass(frozen=True)
class LinearReference(Measurement):
    """A linear probe of the same images: what can be learnt of them at least.

    Attributes:
        images: The number of validation images of both.
        linear: Validation accuracy of a ridge regression on image features that are not
            trained, fitted to at most 2,000 training images.
        own: Validation accuracy of the program on the same images.
        gain: The first less the second, paired by image.
    """

    images: int
    linear: float
    own: float
    gain: Estimate

    @classmethod
    def measure(cls, context: DiagnosisContext) -> LinearReference:
        """See base class."""
        _require_opaque(context)
        samples = context.get(Samples)
        if min(len(samples.train), len(samples.validation)) < 2:
            raise NotApplicableError("a split has fewer than 2 images")
        targets = ridge.one_hot(samples.train.labels, context.num_classes)
        scores = ridge.predicted(
            samples.train.features, targets, samples.validation.features
        )
        linear = scores.argmax(axis=1) == samples.validation.labels
        own = context.correct("validation")[samples.validation.indices]
        return cls(
            len(own),
            float(linear.mean()),
            float(own.mean()),
            paired_difference(linear, own),
        )


def _require_opaque(context: DiagnosisContext) -> None:
    if not context.program.is_opaque:
        raise NotApplicableError("it is for loops that are given as functions")
