"""Accuracy on held-out training images, beside that on validation images."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError
from framework.diagnose.measure.features import Features
from framework.diagnose.measure.samples import Sample, Samples
from framework.numerics.intervals import Estimate, difference, proportion

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# Groups of similar images: the fewer, the less an interval over groups supposes.
_GROUPS = 10
# Images that are grouped.
_GROUPED = 2_000
# The quantile of Student's distribution for as many groups less one, of 95 %.
_T = 2.262


@dataclasses.dataclass(frozen=True)
class HeldOutAccuracy(Measurement):
    """Accuracy on training images that were held out, beside that on validation images.

    Attributes:
        source: What is right or wrong, in words: the model, or a probe that was fitted
            without the image.
        held_out: Accuracy on held-out training images.
        validation: Accuracy on validation images.
        lead: `validation` less `held_out`, of two samples. Similar images are right and
            wrong together: the interval is the wider one of Newcombe's and of that by
            leaving out one group of similar images after the other (jackknife).
    """

    source: str
    held_out: Estimate
    validation: Estimate
    lead: Estimate

    @classmethod
    def measure(cls, context: DiagnosisContext) -> HeldOutAccuracy:
        """See base class."""
        if len(context.dev):
            source = "the model, without the images of train_dev"
            held_out, validation = context.correct("dev"), context.correct("validation")
        else:
            source = "the nearest neighbour among other training images"
            samples = context.get(Samples)
            train, other = samples.train, samples.validation
            if min(len(train), len(other)) < 2:
                raise NotApplicableError("a split has fewer than 2 images")
            held_out, validation = (
                train.labels[_nearest(each, train)] == each.labels
                for each in (train, other)
            )
        rates = [
            proportion(int(np.sum(each)), len(each)) for each in (held_out, validation)
        ]
        lead = difference(rates[1], rates[0])
        if lead.low > 0:
            features = _features(context)
            lead = _honest(lead, (held_out, features[0]), (validation, features[1]))
        return cls(source, rates[0], rates[1], lead)


def _features(context: DiagnosisContext) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features of held-out images and of validation images, in order."""
    if not len(context.dev):
        samples = context.get(Samples)
        return samples.train.features, samples.validation.features
    features = Features(context.train.images[:_GROUPED])
    return (
        features(context.dev.images[:_GROUPED]),
        features(context.validation.images[:_GROUPED]),
    )


def _honest(
    lead: Estimate,
    held_out: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
) -> Estimate:
    """Returns a difference whose interval is honest over groups of similar images.

    Args:
        lead: With its interval over single images.
        held_out: Which are right, bool [M], and the features of the first of them.
        validation: The same.
    """
    features = np.concatenate([held_out[1], validation[1]])
    if len(features) < _GROUPS:
        return lead
    generator = np.random.Generator(np.random.PCG64(0))
    centers = features[generator.permutation(len(features))[:_GROUPS]]
    distances = np.sum(centers**2, axis=1) - 2 * features @ centers.T
    groups = distances.argmin(axis=1)
    ends = len(held_out[1])
    leads = np.array(
        [
            _rate(validation[0], groups[ends:] != each)
            - _rate(held_out[0], groups[:ends] != each)
            for each in range(_GROUPS)
        ]
    )
    squares = np.sum((leads - leads.mean()) ** 2)
    width = _T * math.sqrt((_GROUPS - 1) / _GROUPS * float(squares))
    return Estimate(
        lead.value,
        min(lead.low, lead.value - width),
        max(lead.high, lead.value + width),
    )


def _rate(correct: np.ndarray, kept: np.ndarray) -> float:
    """Returns the accuracy on the images that are kept, of those that are grouped."""
    some = correct[: len(kept)]
    return float(some[kept].mean()) if kept.any() else float(some.mean())


def _nearest(some: Sample, others: Sample) -> np.ndarray:
    """Returns the position of the nearest other example of each: int64 [N]."""
    similar = some.features @ others.features.T
    squares = (others.features**2).sum(axis=1) - 2 * similar
    if some is others:
        np.fill_diagonal(squares, np.inf)
    nearest: np.ndarray = squares.argmin(axis=1)
    return nearest
