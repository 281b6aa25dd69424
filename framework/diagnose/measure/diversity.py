"""How close training images are to one another, and to validation images."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError, Part
from framework.diagnose.measure.features import are_images
from framework.diagnose.measure.near_duplicates import similarity
from framework.diagnose.measure.samples import Sample, Samples, chosen
from framework.numerics.intervals import Estimate, proportion

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# By chance a twentieth lies further away than all but a twentieth.
QUANTILE = 0.95
# The correlation at which an image repeats another: 5 % of different digits of 8x8
# pixels exceed 0.97, so it is at least the 99 % quantile of as many validation images.
REPEAT, RARE = 0.97, 0.99
_MOST, _FEWEST = 800, 30


@dataclasses.dataclass(frozen=True)
class Diversity(Measurement):
    """Repetition in training, and its coverage of validation.

    Attributes:
        uncovered: Fraction of validation images further from training than 95 % of
            training images are from one another.
        repeated: Fraction of training images that nearly repeat another one.
    """

    depends_on: ClassVar[Part] = Part.DATA
    uncovered: Estimate
    repeated: Estimate

    @classmethod
    def measure(cls, context: DiagnosisContext) -> Diversity:
        """See base class."""
        samples = context.get(Samples)
        size = min(_MOST, len(samples.train), len(samples.validation))
        if size < _FEWEST or not are_images(context.train.images):
            raise NotApplicableError(f"there are no {_FEWEST} images of each split")
        train, validation = (
            each.take(chosen(len(each), size))
            for each in (samples.train, samples.validation)
        )
        among, across = _nearest(train, train), _nearest(validation, train)
        far = across > np.quantile(among, QUANTILE)
        repeats = _repetition(context.train.images[train.indices])
        usual = _repetition(context.validation.images[validation.indices])
        near = repeats >= max(REPEAT, float(np.quantile(usual, RARE)))
        return cls(
            uncovered=proportion(int(far.sum()), size),
            repeated=proportion(int(near.sum()), size),
        )


def _repetition(images: np.ndarray) -> np.ndarray:
    return similarity(images, images, np.arange(len(images)))


def _nearest(some: Sample, others: Sample) -> np.ndarray:
    """Returns the distance of each to the nearest other one: float [N]."""
    first, second = some.features, others.features
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)
    squares = squares - 2 * first @ second.T
    if some is others:
        np.fill_diagonal(squares, np.inf)
    return np.sqrt(np.maximum(squares.min(axis=1), 0))
