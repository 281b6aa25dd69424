"""Near-duplicate images within and across the splits."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError, Part
from framework.diagnose.measure.copies import (
    SAME,
    CopySearch,
    Thumbnails,
    copy_threshold,
)
from framework.diagnose.measure.features import Scale, are_images, shrunk, with_channels
from framework.diagnose.measure.samples import chosen
from framework.numerics.intervals import Estimate, proportion

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# Saved anew as JPEG, or moved by a pixel, images keep a correlation of .954 to 1. But
# unrelated digits of 8x8 pixels are as similar. So it is at least the 99 % quantile of
# pairs within training, which no split has separated. Unrelated digits, clothes and
# flowers came to .994.
_ALIKE, QUANTILE, SAME_PIXELS = 0.95, 0.99, 0.995
# By details, 0.5 % of unrelated digits and clothes, and no unrelated flowers, are more
# than these spreads beyond the median; see `copies.copy_threshold`.
_SPREADS = 3.0
# Where training is made of copies itself, as augmented before it was divided, its pairs
# are no measure of unrelated ones. Few images hold few copies of others: among 1 in
# `_PART`, but `_FEWEST` or more, the least similarity is estimated again, and the lower
# estimate counts. Of unrelated digits, clothes and flowers 2 % reach it at most; of
# five copies each, which are mirrored, moved, darker and noisy, 57 to 96 %.
_PART, _FEWEST, _SPREADS_OF_FEW = 32, 30, 4.0
_SAME = SAME_PIXELS, SAME
# Validation images that are looked up first, and training images. Where of the first
# ones no more than this part are copies, the others are not looked up.
_FIRST, _PAIRS, _FEW = 1_000, 600, 0.01
# Candidates are looked for in small grey images, and compared in larger ones.
_SEARCHED, _COMPARED = 16, 64
_CANDIDATES = 3
# Images that correlate less when small are not copies.
_WORTH = 0.9
# Copies are moved by a pixel at most.
_SHIFTS = [(down, right) for down in range(3) for right in range(3)]


class _Finder:
    """Finds copies of known images: by pixels, and by details once aligned.

    Args:
        known: [M, ...].
    """

    def __init__(self, known: np.ndarray):
        self._known, self._search = known, None
        self._small: np.ndarray | None = None
        if are_images(known):
            self._scale = Scale.of(known)
            self._small = _small(self._scale, known)
            self._search = CopySearch(Thumbnails(known, self._scale))

    def find(self, images: np.ndarray, own: np.ndarray | None = None) -> Found:
        """Returns the best matches of images; see `similarity`."""
        none = np.zeros(len(images), bool)
        pixels = similarity(images, self._known, own, self._small)
        if self._search is None:
            return Found(pixels, np.zeros(len(images)), none)
        matches = self._search.best(Thumbnails(images, self._scale), own)
        return Found(pixels, matches.similarity, matches.is_mirrored)


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """The similarity of images to the most similar known ones.

    Attributes:
        pixels: The correlation of pixels: float [N].
        details: The correlation of details, once aligned: float [N].
        is_mirrored: Whether that one is mirrored: bool [N].
    """

    pixels: np.ndarray
    details: np.ndarray
    is_mirrored: np.ndarray

    def least(self) -> tuple[float, float]:
        """Returns the least similarities of copies, by pixels and by details.

        Most of these images must have no copy.
        """
        # Among copies the quantile is 1, and nothing would be more similar.
        pixels = max(_ALIKE, float(np.quantile(self.pixels, QUANTILE)))
        return min(pixels, SAME_PIXELS), copy_threshold(self.details, _SPREADS)

    def exceed(self, least: tuple[float, float]) -> np.ndarray:
        """Returns which images reach one of two similarities: bool [N]."""
        copies: np.ndarray = (self.pixels >= least[0]) | (self.details >= least[1])
        return copies


@dataclasses.dataclass(frozen=True, eq=False)
class Copies(Measurement):
    """Which validation images are copies of training images.

    Attributes:
        least: The least similarities of copies: by pixels, and by details.
        are_copies: Which validation images are: bool [N].
        are_same: Which are the same up to compression: bool [N].
        is_mirrored: Which are mirrored: bool [N].
        looked_up: Which were looked up: bool [N].
        within: Whether training images are copies of others, of a sample with the
            classes of validation: bool [n].
        details: The similarity of details of validation images that were looked up:
            float [L].
        details_within: The same of training images to others: float [n].
    """

    is_reported: ClassVar[bool] = False
    depends_on: ClassVar[Part] = Part.DATA
    least: tuple[float, float]
    are_copies: np.ndarray
    are_same: np.ndarray
    is_mirrored: np.ndarray
    looked_up: np.ndarray
    within: np.ndarray
    details: np.ndarray
    details_within: np.ndarray

    @classmethod
    def measure(cls, context: DiagnosisContext) -> Copies:
        """See base class."""
        train, validation = context.train.images, context.validation.images
        own = _like(context.train.labels, context.validation.labels, _PAIRS)
        if len(validation) < 2 or len(own) < 2:
            raise NotApplicableError("a split has fewer than 2 images")
        finder = _Finder(train)
        among = finder.find(train[own], own)
        least = among.least()
        least = least[0], min(least[1], _least_among_few(train, own))
        rows = chosen(len(validation), _FIRST)
        found = finder.find(validation[rows])
        if np.mean(found.exceed(least)) > _FEW and len(rows) < len(validation):
            rows = np.arange(len(validation))
            found = finder.find(validation)
        copies = found.exceed(least)
        count = len(validation)
        return cls(
            least=least,
            are_copies=_placed(copies, rows, count),
            are_same=_placed(found.exceed(_SAME), rows, count),
            is_mirrored=_placed(copies & found.is_mirrored, rows, count),
            looked_up=_placed(np.ones(len(rows), bool), rows, count),
            within=among.exceed(least),
            details=found.details,
            details_within=among.details,
        )


def _like(labels: np.ndarray, wanted: np.ndarray, most: int) -> np.ndarray:
    """Returns rows whose classes are as frequent as wanted: int [n], n <= most.

    Images of some classes are more alike than those of others. Where a class is
    missing, any rows are taken.
    """
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(labels))
    of_class = [
        order[labels[order] == each][: round(most * float(np.mean(wanted == each)))]
        for each in np.unique(wanted)
    ]
    rows = np.sort(np.concatenate([np.zeros(0, np.int64), *of_class]))
    return rows if len(rows) > 1 else chosen(len(labels), most)


def _least_among_few(train: np.ndarray, own: np.ndarray) -> float:
    """Returns the least similarity of details of copies, estimated among few images."""
    if not are_images(train):
        return SAME
    few = chosen(len(train), max(len(train) // _PART, _FEWEST), seed=1)
    others = np.setdiff1d(own, few)
    if not len(others):
        return SAME
    scale = Scale.of(train)
    search = CopySearch(Thumbnails(train[few], scale))
    matches = search.best(Thumbnails(train[others], scale))
    return copy_threshold(matches.similarity, _SPREADS_OF_FEW)


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingCopies(Measurement):
    """Which training images are copies of validation images.

    Attributes:
        are_copies: Of `context.train`: bool [M].
        places: The positions in the whole training split of these, and of copies among
            images held out of training, which another --seed trains on: int64 [n].
    """

    is_reported: ClassVar[bool] = False
    are_copies: np.ndarray
    places: np.ndarray

    @classmethod
    def measure(cls, context: DiagnosisContext) -> TrainingCopies:
        """See base class."""
        least = context.get(Copies).least
        finder = _Finder(context.validation.images)
        are_copies = finder.find(context.train.images).exceed(least)
        places = context.train_places(np.flatnonzero(are_copies))
        if context.dev_rows is not None and len(context.dev_rows):
            held_out = finder.find(context.dev.images).exceed(least)
            places = np.union1d(places, context.dev_rows[held_out])
        return cls(are_copies, places)


@dataclasses.dataclass(frozen=True)
class NearDuplicates(Measurement):
    """Near-duplicates of training images in the validation split.

    Attributes:
        threshold: The correlation of pixels at which two images count as duplicates.
        details_threshold: The correlation of details, once aligned, that is enough too.
        rate: Fraction of validation images that duplicate a training image.
        within: Fraction of training images that duplicate another one.
        same: Fraction of validation images that are the same as a training image, up
            to compression.
        accuracy: Of the validation images that are duplicates.
        other_accuracy: Of the other validation images.
        exact: Fraction of validation images that equal a training image.
        mirrored: Fraction of duplicates that are mirrored.
        searched: The number of training images that were searched; of many, a sample.
    """

    threshold: float
    details_threshold: float
    rate: Estimate
    within: Estimate
    same: Estimate
    accuracy: Estimate
    other_accuracy: Estimate
    exact: Estimate
    mirrored: Estimate
    searched: int

    @classmethod
    def measure(cls, context: DiagnosisContext) -> NearDuplicates:
        """See base class."""
        copies = context.get(Copies)
        correct, seen = context.correct("validation"), copies.looked_up
        equal = _equal(context.validation.images, context.train.images, None)
        return cls(
            threshold=copies.least[0],
            details_threshold=copies.least[1],
            rate=_fraction(copies.are_copies[seen]),
            within=_fraction(copies.within),
            same=_fraction(copies.are_same[seen]),
            accuracy=_fraction(correct[copies.are_copies]),
            other_accuracy=_fraction(correct[seen & ~copies.are_copies]),
            exact=_fraction(equal),
            mirrored=_fraction(copies.is_mirrored[copies.are_copies]),
            searched=len(context.train),
        )


def _placed(values: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """Returns values at their rows of `count`, and False elsewhere: bool [count]."""
    every = np.zeros(count, bool)
    every[rows] = values
    return every


def _fraction(values: np.ndarray) -> Estimate:
    return proportion(int(values.sum()), len(values))


def similarity(
    images: np.ndarray,
    others: np.ndarray,
    own: np.ndarray | None = None,
    small: np.ndarray | None = None,
) -> np.ndarray:
    """Returns the similarity to the most similar other image: float [N], 1 for a copy.

    It is the correlation of pixels, the best of shifts by a pixel; 0 without a similar
    image. For rows of features it is 1 if there is the same row, else 0.

    Args:
        images: [N, ...].
        others: [M, ...].
        own: Indices of the images among the others, to leave out: int [N].
        small: The others made small, if they are looked through again; see `_small`.
    """
    similarities = _equal(images, others, own).astype(np.float64)
    if not are_images(others) or not len(images) or len(others) < 2:
        return similarities
    scale = Scale.of(others)
    known = _small(scale, others) if small is None else small
    products = _small(scale, images) @ known.T
    if own is not None:
        products[np.arange(len(own)), own] = -1.0
    count = min(_CANDIDATES, products.shape[1] - 1)
    best = np.argpartition(-products, count - 1, axis=1)[:, :count]
    for candidate in best.T:
        close = np.flatnonzero(
            (products[np.arange(len(images)), candidate] > _WORTH) & (similarities < 1)
        )
        pairs = images[close], others[candidate[close]]
        similarities[close] = np.maximum(
            similarities[close], _correlation(scale, *pairs)
        )
    return similarities


def _small(scale: Scale, images: np.ndarray) -> np.ndarray:
    """Returns small grey images as rows of mean 0 and length 1."""
    grey = scale.unit(with_channels(images)).mean(axis=3, keepdims=True)
    return _unit(shrunk(grey, _SEARCHED))


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
