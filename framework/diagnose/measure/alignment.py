"""Aligns pairs of images that may show the same, and compares them where they overlap.

Alignment is over position, size, mirroring and small angles. Coarse structure is taken
out before: unrelated images share a bright sky or a dark border, copies share details
as well.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

# Of the image, at least this much must overlap; copies are cropped to no less.
_LEAST_OVERLAP = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Placement:
    """Where in the second image of each pair the first one lies.

    Attributes:
        top: Of the first one's upper edge, as a part of the side: float [P].
        left: Of its left edge: float [P].
        side: Its side, as a part of the second one's: float [P].
        is_mirrored: Whether it is mirrored: bool [P].
        angle: By which the first one is turned, before it is mirrored, in degrees:
            float [P].
    """

    top: np.ndarray
    left: np.ndarray
    side: np.ndarray
    is_mirrored: np.ndarray
    angle: np.ndarray

    @classmethod
    def join(cls, parts: Sequence[Placement]) -> Placement:
        """Returns those of all parts, one after the other."""
        fields = [field.name for field in dataclasses.fields(cls)]
        return cls(
            *(
                np.concatenate([getattr(each, name) for each in parts])
                for name in fields
            )
        )

    def take(self, rows: np.ndarray | slice) -> Placement:
        """Returns those of some pairs."""
        return Placement(
            self.top[rows],
            self.left[rows],
            self.side[rows],
            self.is_mirrored[rows],
            self.angle[rows],
        )

    def where(self, is_chosen: np.ndarray, other: Placement) -> Placement:
        """Returns those of the other one where chosen: bool [P]."""
        fields = [field.name for field in dataclasses.fields(self)]
        values = (
            np.where(is_chosen, getattr(other, name), getattr(self, name))
            for name in fields
        )
        return Placement(*values)


def averaging(low: float, high: float, size: int, count: int) -> np.ndarray:
    """Returns the weights that average pixels over equal intervals: [count, size].

    Args:
        low: Where the first interval begins, as a part of the image's side.
        high: Where the last one ends.
        size: The number of pixels.
        count: The number of intervals.

    Example:
        >>> averaging(0.0, 1.0, 4, 2)
        array([[0.5, 0.5, 0. , 0. ],
               [0. , 0. , 0.5, 0.5]], dtype=float32)
    """
    edges = np.linspace(low, high, count + 1) * size
    pixels = np.arange(size)
    shared = np.minimum(edges[1:, None], pixels + 1)
    shared = np.clip(shared - np.maximum(edges[:-1, None], pixels), 0, None)
    weights: np.ndarray = shared / shared.sum(axis=1, keepdims=True)
    return weights.astype(np.float32)


def details(images: np.ndarray) -> np.ndarray:
    """Returns grey images less their means over a quarter of the side: [N, S, S]."""
    from scipy import ndimage

    width = max(images.shape[1] // 4, 2) | 1
    means = ndimage.uniform_filter(images, (0, width, width), mode="nearest")
    remaining: np.ndarray = images - means
    return remaining


def aligned(
    first: np.ndarray,
    second: np.ndarray,
    start: Placement,
    step: float = 0.06,
    rounds: int = 4,
    turn: float = 0.0,
) -> tuple[np.ndarray, Placement]:
    """Returns the correlation of each pair once aligned, float32 [P], and how.

    Coordinate descent of the angle, the size and the position, from coarse to fine.

    Args:
        first: float32 [P, S, S].
        second: float32 [P, S, S].
        start: Where to begin.
        step: The first step, as a part of the image's side; halved in each round.
        rounds: How many times each coordinate is tried.
        turn: The first step of the angle, in degrees; halved as well. 0 to turn none.
    """
    seen = turned(first, start.angle)
    best = _correlation(*seen, second, start)
    for _ in range(rounds):
        for sign in (-turn, turn) if turn else ():
            trial = dataclasses.replace(start, angle=start.angle + sign)
            other = turned(first, trial.angle)
            value = _correlation(*other, second, trial)
            better = value > best
            best = np.where(better, value, best)
            mask = better[:, None, None]
            seen = np.where(mask, other[0], seen[0]), np.where(mask, other[1], seen[1])
            start = start.where(better, trial)
        for name in ("side", "top", "left"):
            for sign in (-step, step):
                trial = _moved(start, name, sign)
                value = _correlation(*seen, second, trial)
                better = value > best
                best = np.where(better, value, best)
                start = start.where(better, trial)
        step, turn = step / 2, turn / 2
    return best, start


def turned(images: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns images turned about their centres, and where they have values.

    Args:
        images: float32 [P, S, S].
        angle: In degrees: float [P].

    Returns:
        By linear interpolation: float32 [P, S, S]; and 0 or 1: float32 [P, S, S].
    """
    inside = np.ones(images.shape, np.float32)
    rows = np.flatnonzero(angle)
    if not len(rows):
        return images, inside
    size = images.shape[1]
    place = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    radians = np.deg2rad(angle[rows]).astype(np.float32)[:, None, None]
    cosine, sine = np.cos(radians), np.sin(radians)
    down = cosine * place[:, None] - sine * place + (size - 1) / 2
    right = sine * place[:, None] + cosine * place + (size - 1) / 2
    last = size - 1
    is_in = (down > -0.5) & (down < last + 0.5) & (right > -0.5) & (right < last + 0.5)
    top = np.clip(np.floor(down), 0, last - 1).astype(np.int64)
    left = np.clip(np.floor(right), 0, last - 1).astype(np.int64)
    below = np.clip(down - top, 0, 1).astype(np.float32)
    beside = np.clip(right - left, 0, 1).astype(np.float32)
    flat = images[rows].reshape(len(rows), -1)
    first = (top * size + left).reshape(len(rows), -1)
    corners = [
        np.take_along_axis(flat, first + by, axis=1).reshape(top.shape)
        for by in (0, 1, size, size + 1)
    ]
    upper = corners[0] + beside * (corners[1] - corners[0])
    lower = corners[2] + beside * (corners[3] - corners[2])
    values = images.copy()
    values[rows], inside[rows] = upper + below * (lower - upper), is_in
    return values, inside


def _moved(place: Placement, name: str, by: float) -> Placement:
    if name != "side":
        return dataclasses.replace(place, **{name: getattr(place, name) + by})
    side = place.side * (1 + by)
    inwards = (place.side - side) / 2
    return dataclasses.replace(
        place, top=place.top + inwards, left=place.left + inwards, side=side
    )


def correlation(first: np.ndarray, second: np.ndarray, place: Placement) -> np.ndarray:
    """Returns the correlation of each pair where both overlap: float32 [P].

    Args:
        first: float32 [P, S, S].
        second: float32 [P, S, S].
        place: Where in the second one the first one lies; less than half of it: -1.
    """
    return _correlation(*turned(first, place.angle), second, place)


def _correlation(
    first: np.ndarray, inside: np.ndarray, second: np.ndarray, place: Placement
) -> np.ndarray:
    """Returns `correlation` of images that are turned already, and have values inside.

    Args:
        first: float32 [P, S, S].
        inside: 0 or 1: float32 [P, S, S].
        second: float32 [P, S, S].
        place: Its angle is not looked at.
    """
    size = first.shape[1]
    upright = np.zeros(len(first), bool)
    rows, in_rows = _sampling(place.top, place.side, size, upright)
    columns, in_columns = _sampling(place.left, place.side, size, place.is_mirrored)
    other = rows @ second @ columns.transpose(0, 2, 1)
    shared = in_rows[:, :, None] * in_columns[:, None, :] * inside
    shared = shared.reshape(len(first), -1)
    count = shared.sum(axis=1)
    a, b = (_centred(each.reshape(shared.shape), shared) for each in (first, other))
    norms = np.einsum("pi,pi->p", a, a) * np.einsum("pi,pi->p", b, b)
    value = np.einsum("pi,pi->p", a, b) / np.sqrt(np.maximum(norms, 1e-8))
    return np.where(count >= _LEAST_OVERLAP * size**2, value, -1).astype(np.float32)


def _centred(values: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Returns values without their mean where shared, and 0 elsewhere."""
    count = np.maximum(shared.sum(axis=1, keepdims=True), 1)
    mean = np.sum(values * shared, axis=1, keepdims=True) / count
    centred: np.ndarray = (values - mean) * shared
    return centred


def _sampling(
    low: np.ndarray, side: np.ndarray, size: int, is_reversed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns weights [P, size, size] of linear sampling, and where there is any."""
    places = low[:, None] + side[:, None] * (np.arange(size) + 0.5) / size
    places = (places * size - 0.5).astype(np.float32)
    places = np.where(is_reversed[:, None], places[:, ::-1], places)
    inside = (places > -0.51) & (places < size - 0.49)
    # Wider where the other image is made smaller.
    width = np.maximum(side, 1).astype(np.float32)[:, None, None]
    distance = np.abs(places[:, :, None] - np.arange(size, dtype=np.float32))
    weights = np.maximum(1 - distance / width, 0)
    weights /= np.maximum(weights.sum(axis=2, keepdims=True), 1e-6)
    return weights, inside.astype(np.float32)
