"""Searches for copies of images: as they are, mirrored, moved, turned or compressed.

Candidates are found in small views of all images, by blocked products of matrices; the
best of them are then aligned and compared in detail.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
from collections.abc import Iterator

import numpy as np

from framework.diagnose.measure.alignment import (
    Placement,
    aligned,
    averaging,
    details,
)
from framework.diagnose.measure.features import Scale, with_channels

# The sides of what candidates are found in, of what these are cut from, and of what is
# compared.
_FOUND, _KEPT, _COMPARED = 6, 24, 32
# Principal components; more are as good (recall on the flowers).
_COMPONENTS = 48
# Of the components' deviation, this power is taken out, so that fine ones count.
_WHITENED = 0.25
# Crops by which copies are found that show less of the original: their side, at the
# four corners. Alignment does the rest.
_CROP = 0.85
_CANDIDATES, _ALIGNED = 4, 2
# The first step, the number of rounds and the first turn of the alignment, at half of
# the compared side and then at all of it: up to 17 degrees in all.
_COARSE, _FINE = (0.08, 2, 8.0), (0.03, 3, 3.0)
_NO_SEARCH, _FINE_ONLY = (0.0, 0, 0.0), (0.03, 3, 0.0)
# Without crops, no more images are aligned than these, the most similar ones.
_MOST_ALIGNED = 20_000
# What is less similar when coarse is not looked at in detail.
_WORTH = 0.4
# How similar unrelated images are differs between data sets. A spread is the distance,
# as Fisher's z, of the best match of the median image to that of the tenth that is
# least similar, or 1.5 times that to the quarter that is most similar, if this is less:
# only copies lengthen the latter. Of 600 images each, four unrelated clothes came to
# 3.1 spreads and one to 3.2, digits and drawn flowers to 2.8 at most. Unrelated
# photographs of flowers came to .83; all that were more similar, 7 of 400, were the
# same photograph or of one series.
_LEAST, _SPREADS, _TENTH, _QUARTER = 0.85, 4.0, 0.1, 0.75
# Unrelated digits came to .989. Where most images have copies, the median says nothing.
SAME = 0.99
_CHUNK, _ENTRIES = 500, 2**24


@dataclasses.dataclass(frozen=True, eq=False)
class Matches:
    """The most similar other image of each image.

    Attributes:
        index: Its position: int64 [N].
        similarity: The correlation of details once aligned: float32 [N]; -1 for none.
        is_mirrored: Whether it is mirrored: bool [N].
    """

    index: np.ndarray
    similarity: np.ndarray
    is_mirrored: np.ndarray


@dataclasses.dataclass(frozen=True)
class _View:
    """One way to look at images: a square part of them, perhaps mirrored."""

    top: float
    left: float
    side: float
    is_mirrored: bool
    # Whether the part is of the image that is looked up; else of the known one.
    is_of_query: bool

    def placement(self) -> tuple[float, float, float, bool]:
        """Returns where in the known image the other one lies."""
        if not self.is_of_query:
            return self.top, self.left, self.side, self.is_mirrored
        right = 1 - self.left - self.side
        left = right if self.is_mirrored else self.left
        return -self.top / self.side, -left / self.side, 1 / self.side, self.is_mirrored


def _views(with_crops: bool) -> Iterator[_View]:
    for is_mirrored in (False, True):
        yield _View(0, 0, 1, is_mirrored, True)
        if with_crops:
            edges = (0, 1 - _CROP)
            for top, left in itertools.product(edges, edges):
                for is_of_query in (False, True):
                    yield _View(top, left, _CROP, is_mirrored, is_of_query)


class Thumbnails:
    """Images made small.

    Args:
        images: [N, height, width, C], or without the last axis.
        scale: Brings their values to 0 to 1.
    """

    def __init__(self, images: np.ndarray, scale: Scale):
        self._sizes = [min(side, *images.shape[1:3]) for side in (_KEPT, _COMPARED)]
        parts = [
            self._chunk(scale.unit(with_channels(images[start : start + _CHUNK])))
            for start in range(0, max(len(images), 1), _CHUNK)
        ]
        self.colors = np.concatenate([each[0] for each in parts])
        self.details = np.concatenate([each[1] for each in parts])
        self.coarse = np.concatenate([each[2] for each in parts])

    def __len__(self) -> int:
        return len(self.colors)

    def take(self, rows: np.ndarray) -> Thumbnails:
        """Returns those of some images."""
        taken = copy.copy(self)
        for name in ("colors", "details", "coarse"):
            setattr(taken, name, getattr(self, name)[rows])
        return taken

    def _chunk(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        colors, compared = (_resized(images, 0, 0, 1, size) for size in self._sizes)
        grey = compared.mean(axis=3, keepdims=True)
        coarse = _resized(grey, 0, 0, 1, max(grey.shape[1] // 2, min(8, grey.shape[1])))
        return colors, details(grey[..., 0]), details(coarse[..., 0])

    def seen(self, view: _View) -> np.ndarray:
        """Returns a view of all images, less the mean of each channel: [N, F]."""
        size = min(_FOUND, self.colors.shape[1])
        small = _resized(self.colors, view.top, view.left, view.side, size)
        if view.is_mirrored:
            small = small[:, :, ::-1]
        small = small - small.mean(axis=(1, 2), keepdims=True)
        return small.reshape(len(small), math.prod(small.shape[1:]))


def _resized(
    images: np.ndarray, top: float, left: float, side: float, size: int
) -> np.ndarray:
    rows = averaging(top, top + side, images.shape[1], size)
    columns = averaging(left, left + side, images.shape[2], size)
    # [N, size, W, C], then [N, size, size, C].
    tall = np.tensordot(rows, images, axes=(1, 1)).transpose(1, 0, 2, 3)
    wide = np.tensordot(tall, columns, axes=(2, 1))
    return np.ascontiguousarray(wide.transpose(0, 1, 3, 2))


def copy_threshold(similarities: np.ndarray, spreads: float = _SPREADS) -> float:
    """Returns the least similarity of two images that are copies.

    Args:
        similarities: Of the best match of images that are mostly no copies: [N].
        spreads: How far beyond the median: in units of its distance to the tenth that
            is least similar, or 1.5 times that to the quarter that is most similar.
    """
    z = np.arctanh(np.clip(similarities, -1 + 1e-6, 1 - 1e-6))
    low, middle, high = np.quantile(z, (_TENTH, 0.5, _QUARTER))
    spread = min(middle - low, 1.5 * (high - middle))
    return float(np.clip(np.tanh(middle + spreads * spread), _LEAST, SAME))


class CopySearch:
    """Finds the most similar of known images.

    Args:
        known: Made small.
        with_crops: Whether crops are looked for as well, and several candidates of each
            image are aligned, which takes about nine times as long.
    """

    def __init__(self, known: Thumbnails, with_crops: bool = True):
        self._known, self._is_thorough = known, with_crops
        self._views = tuple(_views(with_crops))
        values = known.seen(self._views[0])
        spread, vectors = np.linalg.eigh(values.T @ values / max(len(values), 1))
        chosen = np.argsort(-spread)[:_COMPONENTS]
        scales = np.maximum(spread[chosen], 1e-4) ** -_WHITENED
        self._components = (vectors[:, chosen] * scales).astype(np.float32)

    def best(self, images: Thumbnails, own: np.ndarray | None = None) -> Matches:
        """Returns the best match of each image.

        Args:
            images: What to look up, made small in the same way.
            own: Their positions among the known images, which do not count: int [N].
        """
        candidates, ways = self._candidates(images, own)
        shape = candidates.shape
        rows, known = (
            np.repeat(np.arange(len(images)), shape[1]),
            candidates.reshape(-1),
        )
        similarity, place = _compared(
            (images.coarse, rows),
            (self._known.coarse, known),
            self._placements(ways.reshape(-1)),
            _COARSE if self._is_thorough else _NO_SEARCH,
        )
        if own is not None:
            similarity[known == own[rows]] = -1
        # The better ones are aligned further, in detail.
        aligned_each = _ALIGNED if self._is_thorough else 1
        order = np.argsort(-similarity.reshape(shape), axis=1)[:, :aligned_each]
        pairs = (order + shape[1] * np.arange(len(images))[:, None]).reshape(-1)
        worth = similarity[pairs] > _WORTH
        if not self._is_thorough and len(pairs) > _MOST_ALIGNED:
            worth &= similarity[pairs] > np.sort(similarity[pairs])[-_MOST_ALIGNED]
        similarity = np.minimum(similarity[pairs], _WORTH)
        similarity[worth], _ = _compared(
            (images.details, rows[pairs[worth]]),
            (self._known.details, known[pairs[worth]]),
            place.take(pairs[worth]),
            _FINE if self._is_thorough else _FINE_ONLY,
        )
        best = similarity.reshape(order.shape).argmax(axis=1)
        best += order.shape[1] * np.arange(len(images))
        chosen = pairs[best]
        return Matches(known[chosen], similarity[best], place.is_mirrored[chosen])

    def _candidates(
        self, images: Thumbnails, own: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the positions of candidates, and by which view: int [N, k] each."""
        # Known images are divided at random; of each part the best one is a candidate.
        order = np.random.Generator(np.random.PCG64(0)).permutation(len(self._known))
        count = min(_CANDIDATES, max(len(order) - (own is not None), 1))
        parts = np.array_split(order, count)
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        ends = np.cumsum([0] + [len(each) for each in parts])
        best = np.full((len(images), count), -2, np.float32)
        index, ways = np.zeros(best.shape, np.int64), np.zeros(best.shape, np.int64)
        whole = self._views[0]
        for way, view in enumerate(self._views):
            query, known = (view, whole) if view.is_of_query else (whole, view)
            queries = self._projected(images, query)
            others = self._projected(self._known, known)[order].T
            for rows in _parts(len(images), max(_ENTRIES // len(order), 1)):
                scores = queries[rows] @ others
                if own is not None:
                    scores[np.arange(len(scores)), place[own[rows]]] = -2
                for part in range(count):
                    some = scores[:, ends[part] : ends[part + 1]]
                    first = some.argmax(axis=1)
                    value = some[np.arange(len(some)), first]
                    better = value > best[rows, part]
                    best[rows, part][better] = value[better]
                    index[rows, part][better] = parts[part][first[better]]
                    ways[rows, part][better] = way
        return index, ways

    def _projected(self, images: Thumbnails, view: _View) -> np.ndarray:
        values = images.seen(view) @ self._components
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        projected: np.ndarray = values / np.maximum(lengths, 1e-6)
        return projected

    def _placements(self, ways: np.ndarray) -> Placement:
        table = np.array([view.placement() for view in self._views])
        top, left, side, is_mirrored = table[ways].T
        return Placement(top, left, side, is_mirrored > 0, np.zeros(len(ways)))


def _compared(
    images: tuple[np.ndarray, np.ndarray],
    known: tuple[np.ndarray, np.ndarray],
    place: Placement,
    search: tuple[float, int, float],
) -> tuple[np.ndarray, Placement]:
    """Returns the similarity of pairs once aligned, float32 [P], and how.

    Args:
        images: All of them, float32 [N, S, S], and which of each pair, int [P].
        known: The same of the known images.
        place: Where to begin.
        search: The first step, the number of rounds, and the first turn in degrees.
    """
    similarities, places = [np.zeros(0, np.float32)], [place.take(slice(0, 0))]
    for part in _parts(len(images[1]), _CHUNK):
        similarity, where = aligned(
            images[0][images[1][part]],
            known[0][known[1][part]],
            place.take(part),
            *search,
        )
        similarities.append(similarity)
        places.append(where)
    return np.concatenate(similarities), Placement.join(places)


def _parts(count: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, count, size)]
