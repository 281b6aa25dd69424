"""Accuracy on each split, on which all other measurements are based."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError
from framework.diagnose.measure import chance
from framework.diagnose.measure.samples import Samples
from framework.numerics import metrics, outputs
from framework.numerics.intervals import Estimate, difference, proportion

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext


@dataclasses.dataclass(frozen=True)
class SplitAccuracy:
    """Predictions of one split in evaluation mode.

    Attributes:
        images: The number of images.
        accuracy: Fraction of correct predictions.
        loss: Mean cross-entropy in nats, over labels that have an output; NaN if none.
        modal_fraction: Fraction of predictions of the class that is predicted most.
        majority: Fraction of the most frequent label.
    """

    images: int
    accuracy: Estimate
    loss: float
    modal_fraction: float
    majority: float


@dataclasses.dataclass(frozen=True)
class Accuracy(Measurement):
    """Accuracy on all splits.

    Attributes:
        classes: The number of classes.
        train_clean: Images that are trained on, in evaluation mode.
        train_dev: Images held out of the training split; None if there are none.
        validation: The validation images.
        training_mode: Accuracy on the training images in training mode; None if the
            program cannot be called in it.
        gap: Accuracy on `train_clean` less that on `validation`.
        gap_to_dev: Accuracy on `train_clean` less that on `train_dev`.
        gap_from_dev: Accuracy on `train_dev` less that on `validation`.
        p_chance: How often predictions that know nothing of the classes are as good on
            validation; None if that was not measured.
    """

    classes: int
    train_clean: SplitAccuracy
    train_dev: SplitAccuracy | None
    validation: SplitAccuracy
    training_mode: Estimate | None
    gap: Estimate
    gap_to_dev: Estimate | None
    gap_from_dev: Estimate | None
    p_chance: float | None = None

    @classmethod
    def measure(cls, context: DiagnosisContext) -> Accuracy:
        """See base class."""
        train = _of_split(context, "train")
        dev = _of_split(context, "dev") if len(context.dev) else None
        validation = _of_split(context, "validation")
        training_mode = None
        with contextlib.suppress(NotApplicableError):
            training_mode = proportion(
                int(context.correct("train", training=True).sum()), len(context.train)
            )
        return cls(
            classes=context.num_classes,
            train_clean=train,
            train_dev=dev,
            validation=validation,
            training_mode=training_mode,
            gap=difference(train.accuracy, validation.accuracy),
            gap_to_dev=difference(train.accuracy, dev.accuracy) if dev else None,
            gap_from_dev=difference(dev.accuracy, validation.accuracy) if dev else None,
            p_chance=_p_chance(context),
        )

    @property
    def chance(self) -> float:
        """Validation accuracy of always predicting one class, or of guessing."""
        return max(self.validation.majority, 1 / self.classes)

    @property
    def is_above_chance(self) -> bool:
        """Whether validation shows that the model knows something of the classes."""
        if self.p_chance is None:
            return self.validation.accuracy.low > self.chance
        return self.p_chance < chance.LEVEL


def _p_chance(context: DiagnosisContext) -> float | None:
    labels, predicted = context.validation.labels, context.predicted("validation")
    if chance.can_rename(labels):
        return chance.p_of_renaming(labels, predicted)
    samples = context.measurements.find(Samples)
    if samples is None or not min(len(samples.train), len(samples.validation)):
        return None
    null = chance.of_probes(samples.train, samples.validation)
    return chance.p_of_probes(null, chance.balanced_accuracy(labels, predicted))


def _of_split(context: DiagnosisContext, name: str) -> SplitAccuracy:
    labels, predicted = context.split(name).labels, context.outputs(name)
    correct, total = context.correct(name), len(labels)
    counts = np.bincount(outputs.predicted(predicted))
    return SplitAccuracy(
        images=total,
        accuracy=proportion(int(correct.sum()), total),
        loss=_loss(predicted, labels),
        modal_fraction=float(counts.max() / total),
        majority=float(np.bincount(labels).max() / total),
    )


def _loss(predicted: np.ndarray, labels: np.ndarray) -> float:
    logs = outputs.log_probabilities(predicted)
    known = labels < logs.shape[1]
    return -float(np.mean(logs[known, labels[known]])) if known.any() else math.nan


@dataclasses.dataclass(frozen=True)
class CountedMetrics(Measurement):
    """Metrics of the last evaluation, recomputed from its predictions.

    Attributes:
        values: By their names in metrics.jsonl, without "validation/".
    """

    values: dict[str, float]

    @classmethod
    def measure(cls, context: DiagnosisContext) -> CountedMetrics:
        """See base class."""
        return cls(metrics.summarize(context.predictions[-1], context.class_names))
