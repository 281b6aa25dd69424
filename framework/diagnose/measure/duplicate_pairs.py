"""Pairs of equal and of nearly equal images within one array."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

from framework.diagnose.measure.copies import CopySearch, Thumbnails, copy_threshold
from framework.diagnose.measure.features import Scale
from framework.diagnose.measure.samples import chosen

# In more images than this, copies that are cropped are not looked for: it takes nine
# times as long, and that grows with the square.
_MOST_CROPPED = 10_000
_SAMPLE = 600


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of images.

    Attributes:
        first: int64 [P]; before the second one.
        second: int64 [P].
        similarity: float [P]; 1 for equal images.
        is_mirrored: Whether one is the mirror image of the other: bool [P].
    """

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray
    is_mirrored: np.ndarray

    def __len__(self) -> int:
        return len(self.first)


def blank(images: np.ndarray) -> np.ndarray:
    """Returns the rows of images whose values are all equal: int64 [n]."""
    rows = images.reshape(len(images), -1)
    return np.flatnonzero(rows.min(axis=1) == rows.max(axis=1))


def exact(images: np.ndarray) -> Pairs:
    """Returns each image that equals an earlier one, with that; no blank ones.

    Args:
        images: [N, ...].
    """
    first: dict[bytes, int] = {}
    pairs = []
    ignored = set(blank(images).tolist())
    for row, image in enumerate(images):
        if row in ignored:
            continue
        key = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
        if first.setdefault(key, row) != row:
            pairs.append((first[key], row))
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return Pairs(
        table[:, 0], table[:, 1], np.ones(len(table)), np.zeros(len(table), bool)
    )


def near(images: np.ndarray, exact_pairs: Pairs) -> Pairs:
    """Returns pairs of images that are copies of each other, but not equal.

    Of each image the best match is looked at. Of equal images only the first is.

    Args:
        images: [N, height, width, C].
        exact_pairs: Those that are equal.
    """
    left_out = np.concatenate([exact_pairs.second, blank(images)])
    rows = np.setdiff1d(np.arange(len(images)), left_out)
    if len(rows) < 2:
        return Pairs(rows[:0], rows[:0], np.zeros(0), np.zeros(0, bool))
    known = Thumbnails(images[rows], Scale.of(images))
    search = CopySearch(known, with_crops=len(rows) <= _MOST_CROPPED)
    matches = search.best(known, np.arange(len(rows)))
    # A sample, aligned in full, shows how similar unrelated images are.
    some = chosen(len(rows), _SAMPLE)
    unrelated = CopySearch(known).best(known.take(some), some).similarity
    found = np.flatnonzero(matches.similarity >= copy_threshold(unrelated))
    pairs = np.stack([rows[found], rows[matches.index[found]]], axis=1)
    pairs, places = np.unique(np.sort(pairs, axis=1), axis=0, return_index=True)
    found = found[places]
    return Pairs(
        pairs[:, 0],
        pairs[:, 1],
        matches.similarity[found],
        matches.is_mirrored[found],
    )
