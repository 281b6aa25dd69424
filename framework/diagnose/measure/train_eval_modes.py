"""Accuracy in training mode, compared with that in evaluation mode."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement
from framework.numerics import outputs
from framework.numerics.intervals import Estimate, paired_difference

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext


@dataclasses.dataclass(frozen=True)
class TrainEvalModes(Measurement):
    """Differences between training and evaluation mode.

    Attributes:
        drop: Accuracy on training images in training mode, less that in evaluation
            mode.
        unchanged_statistics: Moving statistics that are as before the first step.
    """

    drop: Estimate
    unchanged_statistics: tuple[str, ...]

    @classmethod
    def measure(cls, context: DiagnosisContext) -> TrainEvalModes:
        """See base class."""
        first = context.program.weights(at_initialization=True)
        last = context.program.weights(at_initialization=False)
        return cls(
            drop=paired_difference(
                context.correct("train", training=True), context.correct("train")
            ),
            unchanged_statistics=tuple(
                name
                for name, value in last.items()
                if name.endswith(("moving_mean", "moving_variance"))
                and np.array_equal(value, first[name])
            ),
        )


@dataclasses.dataclass(frozen=True)
class ValidationModes(Measurement):
    """The same weights on validation images in either mode.

    Attributes:
        gain: Accuracy in training mode, less that in evaluation mode.
    """

    gain: Estimate

    @classmethod
    def measure(cls, context: DiagnosisContext) -> ValidationModes:
        """See base class."""
        training = context.correct("validation", training=True)
        return cls(paired_difference(training, context.correct("validation")))


@dataclasses.dataclass(frozen=True)
class ReestimatedStatistics(Measurement):
    """Accuracy after re-estimating batch norm's moving statistics.

    Attributes:
        gain: In validation accuracy.
    """

    gain: Estimate

    @classmethod
    def measure(cls, context: DiagnosisContext) -> ReestimatedStatistics:
        """See base class."""
        predicted = context.program.predict_reestimated(
            context.validation.images, context.train.images
        )
        correct = outputs.predicted(predicted) == context.validation.labels
        return cls(paired_difference(correct, context.correct("validation")))
