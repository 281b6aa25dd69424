"""The parts that drawn flowers are made of: petals, discs, stems and leaves.

Everything is evaluated at all pixels of many images at once. Planes are float32
[n, size, size]; values that belong to an image are [n, 1, 1], so that they meet;
canvases are float32 [3, n, size, size] with colours from 0 to 1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

# Fresh, dark and light leaves.
_GREENS = ((0.30, 0.50, 0.18), (0.24, 0.42, 0.18), (0.38, 0.55, 0.24))
# Petals next to each other are this part of a turn apart on the sine that makes them
# irregular: the golden section, so that the pattern does not show.
_IRREGULAR = np.float32(0.382)


@dataclasses.dataclass(frozen=True)
class View:
    """Where each pixel lies, seen from a flower.

    Attributes:
        x: float32 [n, size, size], to the right of its middle, in radii of the flower.
        y: float32 [n, size, size], below its middle.
        pixel: float32 [n, 1, 1], the width of a pixel in the same unit.
    """

    x: np.ndarray
    y: np.ndarray
    pixel: np.ndarray


@dataclasses.dataclass(frozen=True)
class Polar:
    """Distance (radii) and direction (radians) from the middle, and a pixel's width."""

    r: np.ndarray
    angle: np.ndarray
    pixel: np.ndarray


@dataclasses.dataclass(frozen=True)
class Ring:
    """Petals around a middle.

    Attributes:
        count: How many.
        length: From the middle to the tips, in radii.
        width: Half the width of a petal where it is widest.
        point: From 0, blunt tips, to 1, pointed ones.
        turn: Where the first petal is, in petals.
        wild: How much the petals differ in length and place.
    """

    count: np.ndarray
    length: np.ndarray
    width: np.ndarray
    point: float
    turn: np.ndarray
    wild: float


@dataclasses.dataclass(frozen=True)
class Blade:
    """A petal or leaf seen from the side.

    Attributes:
        base: Its x and y where it begins.
        tip: Its x and y where it ends.
        bow: How far its middle leaves the straight line, in radii.
        width: Half its greatest width.
        point: From 0, a blunt tip, to 1, a pointed one.
    """

    base: tuple[np.ndarray | float, np.ndarray | float]
    tip: tuple[np.ndarray | float, np.ndarray | float]
    bow: np.ndarray | float
    width: np.ndarray | float
    point: float


@dataclasses.dataclass(frozen=True)
class Shape:
    """A drawn part.

    Attributes:
        alpha: How much of the pixel it covers, 0 to 1.
        along: 0 where it begins, 1 at its tip; anything where alpha is 0.
        across: -1 and 1 at its edges; anything where alpha is 0.
        odd: What tells it from its neighbours, -1 to 1.
    """

    alpha: np.ndarray
    along: np.ndarray
    across: np.ndarray
    odd: np.ndarray | float = 0.0


class Draws:
    """Hands out the random numbers of a form, column after column."""

    def __init__(self, form: np.ndarray):
        self._columns = iter(form.astype(np.float32).T[:, :, None, None])

    def between(self, low: float, high: float) -> np.ndarray:
        """Returns the next numbers, from `low` to `high`, [n, 1, 1]."""
        return np.float32(low) + np.float32(high - low) * next(self._columns)

    def whole(self, low: int, high: int) -> np.ndarray:
        """Returns the next whole numbers, `low` to `high` included, [n, 1, 1]."""
        return np.floor(self.between(low, high + 1 - 1e-4))

    def colour(self, palette: Sequence[tuple[float, float, float]]) -> np.ndarray:
        """Returns colours near those of a palette, [3, n, 1, 1]."""
        table = np.array(palette, np.float32)
        chosen = table.T[:, self.whole(0, len(table) - 1).astype(int)]
        near = [self.between(-0.05, 0.05) for _ in range(3)]
        return np.clip(chosen + np.stack(near), 0, 1)


def over(canvas: np.ndarray, alpha: np.ndarray, colour: np.ndarray) -> None:
    """Lays a colour over a canvas where alpha is 1."""
    colour -= canvas
    colour *= alpha
    canvas += colour


def _cover(inside: np.ndarray, pixel: np.ndarray) -> np.ndarray:
    """Returns which part of a pixel lies within an edge `inside` radii away.

    It is 0 on the edge, so that what has no width covers nothing.
    """
    return np.clip(inside / pixel, 0, 1)


def light_on(view: View, draws: Draws) -> np.ndarray:
    """Returns the brightness over a flower that light from the upper side gives it."""
    return draws.between(-0.18, 0.18) * view.x - 0.12 * view.y + 1


def head(view: View, draws: Draws) -> tuple[Polar, np.ndarray]:
    """Returns polar coordinates of a slightly inclined head, and its brightness."""
    light = light_on(view, draws)
    x, y = view.x, view.y * draws.between(1.0, 1.35)
    x = x + draws.between(-0.15, 0.15) * y
    return Polar(np.sqrt(x * x + y * y), np.arctan2(y, x), view.pixel), light


def _outline(u: np.ndarray, lens: np.ndarray, point: float) -> np.ndarray:
    """Returns the width of a petal, at most about 1, at each part of its length.

    Args:
        u: float32 [n, size, size], the part of the length, from 0 to 1.
        lens: u * (1 - u).
        point: From 0, a blunt tip, to 1, a pointed one.
    """
    blunt = np.sqrt(lens * (1 + u * u))
    return np.float32(4 * point) * lens + np.float32(1.65 * (1 - point)) * blunt


def petals(polar: Polar, ring: Ring) -> Shape:
    """Returns the petals of a ring, each from the middle to its tip."""
    turns = polar.angle * (ring.count / np.float32(2 * np.pi)) + ring.turn
    number = np.rint(turns)
    odd = _oddness(number, ring.count, ring.turn)
    along = polar.r / (ring.length * (1 - ring.wild) - ring.length * ring.wild * odd)
    arc = turns - number + ring.wild * odd
    arc *= polar.r * (np.float32(2 * np.pi) / ring.count)
    u = np.minimum(along, 1)
    half = ring.width * _outline(u, u * (1 - u), ring.point)
    alpha = _cover(half - np.abs(arc), polar.pixel)
    return Shape(alpha, along, arc / (half + np.float32(1e-3)), odd)


def _oddness(number: np.ndarray, count: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Returns what tells petals from their neighbours, -1 to 1, by their numbers.

    It repeats after `count`: the petal behind the middle is met from both sides, under
    two numbers.
    """
    step = np.floor(_IRREGULAR * count) * np.float32(2 * np.pi) / count
    return np.sin(number * step + turn)


def whorl(
    polar: Polar, radius: float, count: int, turn: np.ndarray, spiral: np.ndarray
) -> Shape:
    """Returns broad petals that overlap in one sense, as those of a rose.

    `across` is the place between the two ends of a petal.
    """
    turns = polar.angle * np.float32(count / (2 * np.pi)) + turn
    number = np.rint(turns)
    odd = _oddness(number, np.float32(count), turn)
    beside = turns - number
    edge = (spiral - 0.55 * beside) * beside + 0.05 * odd + 1
    edge *= np.float32(radius)
    alpha = _cover(edge - polar.r, polar.pixel)
    return Shape(alpha, polar.r / edge, 2 * beside, odd)


def side_view(view: View, blade: Blade) -> Shape:
    """Returns a petal or leaf between its two ends."""
    x, y = view.x - blade.base[0], view.y - blade.base[1]
    run, rise = blade.tip[0] - blade.base[0], blade.tip[1] - blade.base[1]
    square = np.float32(1) * run * run + rise * rise
    length = np.sqrt(square)
    along = np.clip(x * (run / square) + y * (rise / square), 0, 1)
    lens = along * (1 - along)
    off = y * (run / length) - x * (rise / length) - np.float32(4) * blade.bow * lens
    half = blade.width * _outline(along, lens, blade.point)
    alpha = _cover(half - np.abs(off), view.pixel)
    return Shape(alpha, along, off / (half + np.float32(1e-3)))


def relief(petal: Shape, veins: float, depth: float) -> np.ndarray:
    """Returns a petal's brightness: rounded, veined, not quite that of the next."""
    shade = (1 + 0.07 * petal.odd) - 0.28 * petal.across * petal.across
    if depth:
        shade += np.float32(depth) * np.cos(np.float32(veins) * petal.across)
    return shade


def disc(
    canvas: np.ndarray,
    polar: Polar,
    radius: np.ndarray,
    colour: np.ndarray,
    spirals: int,
) -> None:
    """Paints the middle of a head, whose seeds stand where two spirals cross."""
    wind = np.float32(2.2 * spirals) * np.sqrt(polar.r / radius)
    seeds = np.cos(spirals * polar.angle + wind) + np.cos(
        spirals * polar.angle - np.float32(1.3) * wind
    )
    inner = np.clip(polar.r / radius, 0, 1)
    shade = (1 + 0.22 * seeds) * (1.25 - 0.45 * inner * inner)
    shade *= 0.75 + 0.25 * np.clip(3 * inner, 0, 1)
    over(canvas, _cover(radius - polar.r, polar.pixel), colour * shade)


def shadow(canvas: np.ndarray, polar: Polar) -> None:
    """Darkens what is behind a head, so that it stands out."""
    canvas *= 1 - 0.35 * np.clip(1.9 - 1.6 * polar.r, 0, 1)


def stem(
    canvas: np.ndarray, view: View, draws: Draws, width: float, top: float = 0.0
) -> None:
    """Paints a bent stem from `top` radii below the middle downwards."""
    bend = draws.between(-0.12, 0.12)
    below = np.clip(view.y - np.float32(top), 0, None)
    off = (view.x - bend * below * below) / np.float32(width)
    alpha = _cover(np.float32(width) * (1 - np.abs(off)), view.pixel)
    alpha *= _cover(view.y - np.float32(top), view.pixel)
    shade = 1 - 0.35 * off * off
    over(canvas, alpha, draws.colour(_GREENS) * shade)


def leaves(
    canvas: np.ndarray, view: View, draws: Draws, reach: float, upright: bool = False
) -> None:
    """Paints two leaves: beside the head, or, upright, from the foot of the stem."""
    colour = draws.colour(_GREENS)
    for side in (-1, 1):
        out = side * reach * draws.between(0.6, 1.1)
        lift = draws.between(-0.2, 0.5)
        base, tip = (0.0, 0.3), (out, 0.4 + lift)
        if upright:
            base, tip = (0.0, 1.9), (0.75 * out, 0.3 + lift)
        blade = Blade(base, tip, side * draws.between(0.0, 0.2), 0.22, 0.6)
        leaf = side_view(view, blade)
        shade = relief(leaf, veins=9, depth=0.08) * (0.75 + 0.3 * leaf.along)
        over(canvas, leaf.alpha, colour * shade)
