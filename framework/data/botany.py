"""The parts of drawn flowers: petals, discs, stems and leaves.

Everything is evaluated at all pixels of many images at once. Planes are float32
[n, size, size]. Values of one image are [n, 1, 1], so that they broadcast. Canvases are
float32 [3, n, size, size] with colours from 0 to 1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

# Fresh, dark and light leaves.
_GREENS = ((0.30, 0.50, 0.18), (0.24, 0.42, 0.18), (0.38, 0.55, 0.24))
# A sine makes petals irregular. Its phase advances by this fraction of a turn from one
# petal to the next: the golden section, so that the pattern does not show.
_IRREGULAR = np.float32(0.382)

# Values per image, [n, 1, 1], or one value for all images.
PerImage: TypeAlias = "np.ndarray | np.floating[Any] | float"


@dataclasses.dataclass(frozen=True)
class View:
    """Coordinates of each pixel relative to a flower.

    Attributes:
        x: float32 [n, size, size], to the right of the centre, in radii of the flower.
        y: float32 [n, size, size], below the centre, in radii of the flower.
        pixel: float32 [n, 1, 1], the width of a pixel in the same unit.
    """

    x: np.ndarray
    y: np.ndarray
    pixel: np.ndarray


@dataclasses.dataclass(frozen=True)
class Polar:
    """Polar coordinates of each pixel relative to a flower.

    Attributes:
        r: float32 [n, size, size], distance from the centre, in radii of the flower.
        angle: float32 [n, size, size], in radians.
        pixel: float32 [n, 1, 1], the width of a pixel, in radii of the flower.
    """

    r: np.ndarray
    angle: np.ndarray
    pixel: np.ndarray


@dataclasses.dataclass(frozen=True)
class Ring:
    """Petals around the centre of a flower.

    Attributes:
        count: The number of petals.
        length: From the centre to the tips, in radii.
        width: Half the greatest width of a petal.
        point: From 0 for blunt tips to 1 for pointed tips.
        turn: Position of the first petal, in petals.
        irregularity: How much the petals differ in length and position.
    """

    count: PerImage
    length: PerImage
    width: PerImage
    point: float
    turn: PerImage
    irregularity: PerImage


@dataclasses.dataclass(frozen=True)
class Blade:
    """A petal or leaf seen from the side.

    Attributes:
        base: x and y of its base.
        tip: x and y of its tip.
        bow: Distance of its middle from the straight line, in radii.
        width: Half its greatest width, in radii.
        point: From 0 for a blunt tip to 1 for a pointed tip.
    """

    base: tuple[PerImage, PerImage]
    tip: tuple[PerImage, PerImage]
    bow: PerImage
    width: PerImage
    point: float


@dataclasses.dataclass(frozen=True)
class Shape:
    """A petal or leaf, drawn.

    Attributes:
        alpha: Fraction of each pixel that it covers.
        along: From 0 at its base to 1 at its tip; undefined where alpha is 0.
        across: From -1 to 1 at its edges; undefined where alpha is 0.
        odd: A value from -1 to 1 by which it differs from its neighbours.
    """

    alpha: np.ndarray
    along: np.ndarray
    across: np.ndarray
    odd: PerImage = 0.0


class Draws:
    """Reads the random numbers of a flower's form, column by column.

    Args:
        form: float [n, columns] from 0 to 1.
    """

    def __init__(self, form: np.ndarray):
        self._columns = iter(form.astype(np.float32).T[:, :, None, None])

    def between(self, low: float, high: float) -> np.ndarray:
        """Returns the next column, scaled to `low` to `high`, [n, 1, 1]."""
        return np.float32(low) + np.float32(high - low) * next(self._columns)

    def whole(self, low: int, high: int) -> np.ndarray:
        """Returns the next column as integers from `low` to `high`, [n, 1, 1]."""
        return np.floor(self.between(low, high + 1 - 1e-4))

    def colour(self, palette: Sequence[tuple[float, float, float]]) -> np.ndarray:
        """Draws colours near those of a palette, [3, n, 1, 1]."""
        table = np.array(palette, np.float32)
        chosen = table.T[:, self.whole(0, len(table) - 1).astype(int)]
        near = [self.between(-0.05, 0.05) for _ in range(3)]
        return np.clip(chosen + np.stack(near), 0, 1)


def over(canvas: np.ndarray, alpha: np.ndarray, colour: np.ndarray) -> None:
    """Blends a colour over a canvas in place, with weight alpha; changes `colour`."""
    colour -= canvas
    colour *= alpha
    canvas += colour


def _cover(inside: np.ndarray, pixel: np.ndarray) -> np.ndarray:
    """Returns the fraction of a pixel that lies within an edge.

    The fraction is 0 on the edge, so that a shape without width covers nothing.

    Args:
        inside: Distance from the pixel to the edge, in radii; negative outside.
        pixel: Width of a pixel, in radii.
    """
    return np.clip(inside / pixel, 0, 1)


def light_on(view: View, draws: Draws) -> np.ndarray:
    """Returns the brightness over a flower lit from above."""
    return draws.between(-0.18, 0.18) * view.x - 0.12 * view.y + 1


def head(view: View, draws: Draws) -> tuple[Polar, np.ndarray]:
    """Returns polar coordinates of a slightly tilted head, and its brightness."""
    light = light_on(view, draws)
    x, y = view.x, view.y * draws.between(1.0, 1.35)
    x = x + draws.between(-0.15, 0.15) * y
    return Polar(np.sqrt(x * x + y * y), np.arctan2(y, x), view.pixel), light


def _outline(u: np.ndarray, lens: np.ndarray, point: float) -> np.ndarray:
    """Returns the relative width of a petal, up to about 1, along its length.

    Args:
        u: float32 [n, size, size], the position along its length, from 0 to 1.
        lens: u * (1 - u).
        point: From 0 for a blunt tip to 1 for a pointed tip.
    """
    blunt = np.sqrt(lens * (1 + u * u))
    return np.float32(4 * point) * lens + np.float32(1.65 * (1 - point)) * blunt


def petals(polar: Polar, ring: Ring) -> Shape:
    """Draws the petals of a ring, each from the centre to its tip."""
    turns = polar.angle * (ring.count / np.float32(2 * np.pi)) + ring.turn
    number = np.rint(turns)
    odd = _oddness(number, ring.count, ring.turn)
    wild = ring.irregularity
    along = polar.r / (ring.length * (1 - wild) - ring.length * wild * odd)
    arc = turns - number + wild * odd
    arc *= polar.r * (np.float32(2 * np.pi) / ring.count)
    u = np.minimum(along, 1)
    half = ring.width * _outline(u, u * (1 - u), ring.point)
    alpha = _cover(half - np.abs(arc), polar.pixel)
    return Shape(alpha, along, arc / (half + np.float32(1e-3)), odd)


def _oddness(number: np.ndarray, count: PerImage, turn: PerImage) -> np.ndarray:
    """Returns a value from -1 to 1 by which each petal differs from its neighbours.

    It has period `count`, because one petal is reached from both sides under two
    numbers.
    """
    step = np.floor(_IRREGULAR * count) * np.float32(2 * np.pi) / count
    return np.sin(number * step + turn)


def whorl(
    polar: Polar, radius: float, count: int, turn: np.ndarray, spiral: np.ndarray
) -> Shape:
    """Draws broad petals that overlap in one direction, like those of a rose.

    `across` is the position between the two ends of a petal.
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
    """Draws a petal or leaf between its two ends."""
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
    """Returns a petal's brightness: rounded, veined and slightly individual."""
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
    """Paints the disc of a head, with seeds where two families of spirals cross."""
    wind = np.float32(2.2 * spirals) * np.sqrt(polar.r / radius)
    seeds = np.cos(spirals * polar.angle + wind) + np.cos(
        spirals * polar.angle - np.float32(1.3) * wind
    )
    inner = np.clip(polar.r / radius, 0, 1)
    shade = (1 + 0.22 * seeds) * (1.25 - 0.45 * inner * inner)
    shade *= 0.75 + 0.25 * np.clip(3 * inner, 0, 1)
    over(canvas, _cover(radius - polar.r, polar.pixel), colour * shade)


def shadow(canvas: np.ndarray, polar: Polar) -> None:
    """Darkens the background behind a head, so that it stands out."""
    canvas *= 1 - 0.35 * np.clip(1.9 - 1.6 * polar.r, 0, 1)


def stem(
    canvas: np.ndarray, view: View, draws: Draws, width: float, top: float = 0.0
) -> None:
    """Paints a bent stem from `top` radii below the centre downwards."""
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
    """Paints two leaves: beside the head, or upright from the foot of the stem."""
    colour = draws.colour(_GREENS)
    base: tuple[PerImage, PerImage]
    tip: tuple[PerImage, PerImage]
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
