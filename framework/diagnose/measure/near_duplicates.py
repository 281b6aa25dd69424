"""Near-duplicate images within and across the splits, by correlation of pixels."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError
from framework.diagnose.measure.features import Scale, are_images, shrunk, with_channels
from framework.diagnose.measure.samples import chosen
from framework.numerics.intervals import Estimate, proportion

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# Saved anew as JPEG, or moved by a pixel, images keep a correlation of .954 to 1. But
# different digits of 8x8 pixels correlate as much; hence at least the 99 % quantile of
# the pairs within training, which no split has separated.
_THRESHOLD, QUANTILE = 0.95, 0.99
# Different digits, clothes and flowers reached .994.
SAME = 0.995
_MOST, _PAIRS = 2_000, 1_000
# Candidates are looked for in small grey images, and compared in larger ones.
_SEARCHED, _COMPARED = 16, 64
_CANDIDATES = 3
# Images that correlate less when small are not copies.
_WORTH = 0.9
# Copies are moved by a pixel at most.
_SHIFTS = [(down, right) for down in range(3) for right in range(3)]


@dataclasses.dataclass(frozen=True)
class NearDuplicates(Measurement):
    """Near-duplicates of training images in the validation split.

    Attributes:
        threshold: The correlation at which two images count as duplicates.
        rate: Fraction of validation images that duplicate a training image.
        within: Fraction of training images that duplicate another one.
        same: Fraction of validation images that are the same as a training image, up
            to compression.
        accuracy: Of the validation images that are duplicates.
        other_accuracy: Of the other validation images.
        exact: Fraction of validation images that equal a training image.
    """

    threshold: float
    rate: Estimate
    within: Estimate
    same: Estimate
    accuracy: Estimate
    other_accuracy: Estimate
    exact: Estimate

    @classmethod
    def measure(cls, context: DiagnosisContext) -> NearDuplicates:
        """See base class."""
        train = context.train.images
        rows = chosen(len(context.validation), _MOST)
        own = chosen(len(train), _PAIRS)
        if len(rows) < 2 or len(own) < 2:
            raise NotApplicableError("a split has fewer than 2 images")
        across = similarity(context.validation.images[rows], train)
        within = similarity(train[own], train, own)
        # Among copies the quantile is 1, and nothing would be more similar.
        quantile = float(np.quantile(within, QUANTILE))
        threshold = min(max(_THRESHOLD, quantile), SAME)
        correct = context.correct("validation")[rows]
        copied = across >= threshold
        return cls(
            threshold=threshold,
            rate=_fraction(copied),
            within=_fraction(within >= threshold),
            same=_fraction(across >= SAME),
            accuracy=_fraction(correct[copied]),
            other_accuracy=_fraction(correct[~copied]),
            exact=_fraction(across == 1),
        )


def _fraction(values: np.ndarray) -> Estimate:
    return proportion(int(values.sum()), len(values))


def similarity(
    images: np.ndarray, others: np.ndarray, own: np.ndarray | None = None
) -> np.ndarray:
    """Returns the similarity to the most similar other image: float [N], 1 for a copy.

    It is the correlation of pixels, the best of shifts by a pixel; 0 without a similar
    image. For rows of features it is 1 if there is the same row, else 0.

    Args:
        images: [N, ...].
        others: [M, ...].
        own: Indices of the images among the others, to leave out: int [N].
    """
    similarities = _equal(images, others, own).astype(np.float64)
    if not are_images(others) or not len(images) or len(others) < 2:
        return similarities
    scale = Scale.of(others)
    small = [_unit(shrunk(_grey(scale, each), _SEARCHED)) for each in (images, others)]
    correlations = small[0] @ small[1].T
    if own is not None:
        correlations[np.arange(len(own)), own] = -1.0
    count = min(_CANDIDATES, correlations.shape[1] - 1)
    best = np.argpartition(-correlations, count - 1, axis=1)[:, :count]
    for candidate in best.T:
        close = np.flatnonzero(
            (correlations[np.arange(len(images)), candidate] > _WORTH)
            & (similarities < 1)
        )
        pairs = images[close], others[candidate[close]]
        similarities[close] = np.maximum(
            similarities[close], _correlation(scale, *pairs)
        )
    return similarities


def _grey(scale: Scale, images: np.ndarray) -> np.ndarray:
    return scale.unit(with_channels(images)).mean(axis=3, keepdims=True)


def _equal(
    images: np.ndarray, others: np.ndarray, own: np.ndarray | None
) -> np.ndarray:
    """Returns which images are among the others, value by value: bool [N]."""
    keys = [np.ascontiguousarray(each).tobytes() for each in others]
    counts: dict[bytes, int] = {}
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    allowed = 0 if own is None else 1
    return np.array(
        [
            counts.get(np.ascontiguousarray(each, others.dtype).tobytes(), 0) > allowed
            # Blank images are equal, but no copies.
            and np.ptp(each) > 0
            for each in images
        ],
        bool,
    )


def _unit(values: np.ndarray) -> np.ndarray:
    """Returns rows of mean 0 and length 1; of constant rows, 0."""
    rows = values.reshape(len(values), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-4)


def _correlation(scale: Scale, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the correlation of each pair, the best of all shifts by a pixel."""
    if not len(first):
        return np.zeros(0)
    first, second = (
        shrunk(scale.unit(with_channels(each)), _COMPARED) for each in (first, second)
    )
    height, width = first.shape[1:3]
    middle = _unit(first[:, 1:-1, 1:-1])
    similarities = [
        np.sum(
            middle
            * _unit(second[:, down : height - 2 + down, right : width - 2 + right]),
            axis=1,
        )
        for down, right in _SHIFTS
    ]
    return np.max(similarities, axis=0)
