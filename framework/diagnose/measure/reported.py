"""The reported metrics, compared with those computed from the predictions."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement
from framework.numerics import outputs
from framework.numerics.intervals import Estimate, paired_difference

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext
    from framework.numerics.metrics import Predictions

# Kernels that add up in another order may flip an image that is on the edge.
FLIPPED = 0.001
_EVALUATIONS = 8


@dataclasses.dataclass(frozen=True)
class ReportedMetrics(Measurement):
    """The last evaluation, as reported and as counted from the predictions.

    Attributes:
        examples: The number of validation images.
        accuracy: The reported accuracy; None if none is reported.
        loss: The reported loss; None if none is reported, or examples have weights.
        counted_accuracy: Fraction of the predictions that are right.
        counted_loss: The loss of the weights in training, with penalties; of a program
            that does not show its loss, the mean cross-entropy of the predictions.
        mean_so_far: The mean of the counted accuracies of all evaluations, which is
            what a metric that is never reset reports.
    """

    examples: int
    accuracy: float | None
    loss: float | None
    counted_accuracy: float
    counted_loss: float
    mean_so_far: float

    @classmethod
    def measure(cls, context: DiagnosisContext) -> ReportedMetrics:
        """See base class."""
        row = context.rows[-1]
        counted = [float(np.mean(correct(each))) for each in context.predictions]
        counted_loss = _counted_loss(context)
        # A weighted loss is not the mean of the losses of the predictions.
        is_weighted = "validation" in context.weights
        return cls(
            examples=len(context.predictions[-1]),
            accuracy=row.get("validation/accuracy"),
            loss=None if is_weighted else row.get("validation/loss"),
            counted_accuracy=counted[-1],
            counted_loss=counted_loss,
            mean_so_far=float(np.mean(counted)),
        )


def _counted_loss(context: DiagnosisContext) -> float:
    if context.program.is_opaque:
        return float(np.mean(context.predictions[-1].losses))
    loss = context.program.loss(context.validation.labels, context.live_outputs)
    return loss + context.program.penalty(at_initialization=False)


@dataclasses.dataclass(frozen=True)
class LiveWeights(Measurement):
    """The trained weights, compared with those that are evaluated.

    Attributes:
        evaluated: Validation accuracy of the evaluated weights.
        live: Validation accuracy of the weights in training.
        gain: The second less the first, paired by image.
    """

    evaluated: float
    live: float
    gain: Estimate

    @classmethod
    def measure(cls, context: DiagnosisContext) -> LiveWeights:
        """See base class."""
        live = outputs.predicted(context.live_outputs) == context.validation.labels
        evaluated = context.correct("validation")
        return cls(
            float(np.mean(evaluated)),
            float(np.mean(live)),
            paired_difference(live, evaluated),
        )


@dataclasses.dataclass(frozen=True)
class Repeatability(Measurement):
    """Two evaluations of the same weights.

    Attributes:
        flipped: Fraction of predictions that the second evaluation changes.
        other_images: Whether two passes through the data give other images.
        gain: What the mean of eight evaluations gains; None if nothing is flipped.
        are_reshuffled: Whether the other images were training images in the first pass.
    """

    flipped: float
    other_images: bool
    gain: Estimate | None
    are_reshuffled: bool = False

    @classmethod
    def measure(cls, context: DiagnosisContext) -> Repeatability:
        """See base class."""
        images = context.validation.images
        first = outputs.predicted(context.outputs("validation"))
        again = outputs.predicted(context.program.predict(images))
        flipped = float(np.mean(first != again))
        gain = None
        if flipped > FLIPPED:
            logs = [
                outputs.log_probabilities(context.program.predict(images))
                for _ in range(_EVALUATIONS)
            ]
            mean = np.exp(logs).mean(axis=0).argmax(axis=1)
            labels = context.validation.labels
            gain = paired_difference(mean == labels, first == labels)
        settings = context.settings
        return cls(
            flipped,
            settings.validation_is_random,
            gain,
            settings.validation_is_reshuffled,
        )


def correct(predictions: Predictions) -> np.ndarray:
    """Returns which predictions of an evaluation are correct: bool [N]."""
    result: np.ndarray = predictions.predicted == predictions.labels
    return result
