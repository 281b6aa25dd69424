"""Images that show the same as others, pixel by pixel: how alike the likest is."""

from __future__ import annotations

import numpy as np

from framework.diagnose.pictures import Scale, are_images, shrunk, with_channels

# Candidates are looked for in small grey images, and compared in larger ones.
_SEARCHED, _COMPARED = 16, 64
_CANDIDATES = 3
# What is less alike when small is no copy.
_WORTH = 0.9
# Copies are moved by a pixel at most.
_SHIFTS = [(down, right) for down in range(3) for right in range(3)]


def likeness(
    images: np.ndarray, others: np.ndarray, own: np.ndarray | None = None
) -> np.ndarray:
    """Returns how alike the likest of the others is: float [N], 1 for a copy.

    It is the correlation of pixels, the best of shifts by a pixel; 0 where none comes
    near; of rows of features, 1 if there is the same row, else 0.

    Args:
        images: [N, ...].
        others: [M, ...].
        own: Places of the images among the others, which do not count: int [N].
    """
    found = _equal(images, others, own).astype(np.float64)
    if not are_images(others) or not len(images) or len(others) < 2:
        return found
    scale = Scale.of(others)
    small = [_unit(shrunk(_grey(scale, each), _SEARCHED)) for each in (images, others)]
    alike = small[0] @ small[1].T
    if own is not None:
        alike[np.arange(len(own)), own] = -1.0
    count = min(_CANDIDATES, alike.shape[1] - 1)
    best = np.argpartition(-alike, count - 1, axis=1)[:, :count]
    for candidate in best.T:
        close = np.flatnonzero(
            (alike[np.arange(len(images)), candidate] > _WORTH) & (found < 1)
        )
        pairs = images[close], others[candidate[close]]
        found[close] = np.maximum(found[close], _correlation(scale, *pairs))
    return found


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
    found = [
        np.sum(
            middle
            * _unit(second[:, down : height - 2 + down, right : width - 2 + right]),
            axis=1,
        )
        for down, right in _SHIFTS
    ]
    return np.max(found, axis=0)
