"""Regularization and size of a model, and the fall of accuracy since its best."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core import control
from framework.diagnose.core.measurement import Measurement
from framework.diagnose.measure.reported import correct
from framework.numerics.intervals import Estimate, mcnemar, paired_difference

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext


@dataclasses.dataclass(frozen=True)
class Regularization(Measurement):
    """The regularization of the training.

    Attributes:
        dropout: The highest rate of a dropout layer.
        penalty: The regularization loss of the layers, now or before the first step,
            whichever is larger.
        augment: The augmentation, by its spec or by layers that change images at
            random; "" for none.
        train_accuracy: As reported at the end of training, on augmented images.
        has_images: Whether the examples are images that augmentation can change.
        has_colors: Whether they have three channels.
        kept: The part of the values that all dropout layers keep, one after the other.
    """

    dropout: float
    penalty: float
    augment: str
    train_accuracy: float
    has_images: bool
    has_colors: bool
    kept: float = 1.0

    @classmethod
    def measure(cls, context: DiagnosisContext) -> Regularization:
        """See base class."""
        architecture, penalty = context.program.architecture, context.program.penalty
        layers = ", ".join(architecture.random_layers)
        return cls(
            dropout=architecture.highest_dropout,
            penalty=max(penalty(True), penalty(False)),
            augment=context.settings.augment or layers,
            train_accuracy=float(context.rows[-1].get("train/accuracy", np.nan)),
            has_images=context.train.images.ndim == 4,
            has_colors=context.train.images.shape[-1] == 3,
            kept=architecture.kept,
        )


@dataclasses.dataclass(frozen=True)
class Capacity(Measurement):
    """The size of the model.

    Attributes:
        narrowest: Units of its narrowest hidden layer; the number of classes without
            one.
        parameters: The number of weights.
    """

    narrowest: int
    parameters: int

    @classmethod
    def measure(cls, context: DiagnosisContext) -> Capacity:
        """See base class."""
        architecture = context.program.architecture
        narrowest = architecture.narrowest_hidden
        return cls(
            narrowest=context.num_classes if narrowest is None else narrowest,
            parameters=architecture.parameters,
        )


@dataclasses.dataclass(frozen=True)
class AccuracyFall(Measurement):
    """The best evaluation beside the last one; means of several where accuracy swings.

    Attributes:
        fall: Validation accuracy of the best less that of the last, paired by image.
        p: McNemar's, or that of the interval with the swing from one evaluation to
            another, if it is larger; times the number of evaluations of which that is
            the best; 1 at most (Bonferroni).
    """

    fall: Estimate
    p: float

    @classmethod
    def measure(cls, context: DiagnosisContext) -> AccuracyFall:
        """See base class."""
        curve = [correct(each) for each in context.predictions]
        end = control.of_curve(curve)
        count = end.evaluations
        means = [
            np.mean(curve[place : place + count], axis=0) if count > 1 else curve[place]
            for place in range(len(curve) - count + 1)
        ]
        best = max(means, key=lambda each: float(np.mean(each)))
        # The best of evaluations that swing is above their mean by luck alone: images
        # that look alike turn right and wrong together, also by less than counts
        # for a mean.
        swing = control.swing(curve)
        fall = paired_difference(best, means[-1], swing * math.sqrt(2 / count))
        p = _p(fall) if swing else 0.0
        if count == 1:
            last = curve[-1]
            gained = int(np.sum(best & ~last)), int(np.sum(last & ~best))
            p = max(p, mcnemar(*gained))
        return cls(fall, min(p * len(means), 1.0))


def _p(gain: Estimate) -> float:
    """Returns the two-sided p-value of no difference, by the width of the interval."""
    from scipy import stats

    deviation = (gain.high - gain.low) / (2 * stats.norm.ppf(0.975))
    return float(2 * stats.norm.sf(abs(gain.value) / deviation))


@dataclasses.dataclass(frozen=True)
class Activations(Measurement):
    """The activations of the hidden layers.

    Attributes:
        saturating: The number of hidden layers with a saturating activation.
        softmax: The number of those with a softmax.
    """

    saturating: int
    softmax: int

    @classmethod
    def measure(cls, context: DiagnosisContext) -> Activations:
        """See base class."""
        architecture = context.program.architecture
        return cls(architecture.saturating_hidden, architecture.softmax_hidden)
