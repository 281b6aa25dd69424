"""Painters of the five species of drawn flowers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from framework.data import botany

# Random numbers per flower: as many as the painter with the greatest demand reads.
FORM_DRAWS = 30
# A repeated colour is more frequent. Each colour is shared by several species, so that
# colour alone does not determine the class.
_WHITE, _CREAM, _YELLOW = (0.96, 0.95, 0.93), (0.97, 0.92, 0.74), (0.98, 0.83, 0.14)
_AMBER, _PINK, _RED = (0.97, 0.64, 0.10), (0.95, 0.55, 0.68), (0.82, 0.11, 0.16)
_LILAC, _RUST = (0.72, 0.55, 0.86), (0.70, 0.27, 0.12)
_PALETTES = {
    "daisy": (_WHITE, _WHITE, _WHITE, _PINK, _LILAC, _CREAM, _YELLOW),
    "dandelion": (_YELLOW, _YELLOW, _YELLOW, _AMBER, _CREAM),
    "rose": (_RED, _RED, _PINK, _PINK, _WHITE, _YELLOW, _AMBER),
    "sunflower": (_YELLOW, _YELLOW, _YELLOW, _AMBER, _AMBER, _CREAM, _RUST),
    "tulip": (_RED, _YELLOW, _PINK, _WHITE, _LILAC, _AMBER),
}


def paint(
    species: str, canvas: np.ndarray, view: botany.View, form: np.ndarray
) -> None:
    """Paints flowers of one species over their backgrounds, in place.

    Args:
        species: One of `SPECIES`.
        canvas: float32 [3, n, size, size], colours from 0 to 1; changed.
        view: Coordinates of the pixels.
        form: float [n, FORM_DRAWS] from 0 to 1, the random numbers of each flower.
    """
    _PAINTERS[species](canvas, view, botany.Draws(form))


def _daisy(canvas: np.ndarray, view: botany.View, draws: botany.Draws) -> None:
    botany.stem(canvas, view, draws, width=0.08)
    tint = draws.colour(_PALETTES["daisy"])
    disc = draws.colour([(0.95, 0.75, 0.12), (0.90, 0.62, 0.10)])
    polar, light = botany.head(view, draws)
    botany.shadow(canvas, polar)
    count, turn = draws.whole(11, 17), draws.between(0, 1)
    width = draws.between(1.9, 2.5) / count
    for step, (length, glow) in enumerate([(0.98, 0.80), (0.94, 1.0)]):
        ring = botany.Ring(count, np.float32(length), width, 0.1, turn + step / 2, 0.08)
        petal = botany.petals(polar, ring)
        shade = glow * light * botany.relief(petal, veins=9, depth=0.06)
        shade *= 0.80 + 0.22 * petal.along
        botany.over(canvas, petal.alpha, tint * shade)
    botany.disc(canvas, polar, draws.between(0.25, 0.33), disc * light, spirals=8)


def _sunflower(canvas: np.ndarray, view: botany.View, draws: botany.Draws) -> None:
    botany.stem(canvas, view, draws, width=0.13)
    botany.leaves(canvas, view, draws, reach=1.35)
    tint = draws.colour(_PALETTES["sunflower"])
    disc = draws.colour([(0.30, 0.18, 0.09), (0.42, 0.27, 0.12), (0.36, 0.32, 0.13)])
    polar, light = botany.head(view, draws)
    botany.shadow(canvas, polar)
    count, turn = draws.whole(17, 24), draws.between(0, 1)
    width = draws.between(2.6, 3.2) / count
    for step, (length, glow) in enumerate([(1.02, 0.72), (0.97, 1.0)]):
        ring = botany.Ring(count, np.float32(length), width, 0.75, turn + step / 2, 0.1)
        petal = botany.petals(polar, ring)
        shade = glow * light * botany.relief(petal, veins=6, depth=0.08)
        heart = 0.25 + 0.75 * np.clip(1.8 * petal.along - 0.55, 0, 1)
        colour = tint * shade
        colour[1] *= 0.55 + 0.45 * heart
        botany.over(canvas, petal.alpha, colour)
    botany.disc(canvas, polar, draws.between(0.42, 0.52), disc * light, spirals=13)


def _dandelion(canvas: np.ndarray, view: botany.View, draws: botany.Draws) -> None:
    botany.stem(canvas, view, draws, width=0.075)
    tint = draws.colour(_PALETTES["dandelion"])
    polar, light = botany.head(view, draws)
    botany.shadow(canvas, polar)
    count, turn = draws.whole(30, 42), draws.between(0, 6)
    fluff = draws.between(0.10, 0.18)
    for step, length in enumerate((0.95, 0.74, 0.52, 0.28)):
        fewer = np.floor(count * (1 - 0.2 * step))
        ring = botany.Ring(
            fewer, np.float32(length), 2.9 * length / fewer, 0.3, turn * step, fluff
        )
        petal = botany.petals(polar, ring)
        shade = light * botany.relief(petal, veins=0, depth=0) * (0.66 + 0.1 * step)
        shade *= 0.70 + 0.55 * petal.along
        colour = tint * shade
        # The centre of the head has a deeper colour than its rim.
        colour[2] *= 1 - 0.15 * step
        botany.over(canvas, petal.alpha, colour)


def _rose(canvas: np.ndarray, view: botany.View, draws: botany.Draws) -> None:
    botany.stem(canvas, view, draws, width=0.10)
    botany.leaves(canvas, view, draws, reach=1.3)
    tint = draws.colour(_PALETTES["rose"])
    polar, light = botany.head(view, draws)
    botany.shadow(canvas, polar)
    turn, spiral = draws.between(0, 6), draws.between(0.14, 0.22)
    for step, (radius, count) in enumerate(
        [(0.94, 5), (0.78, 5), (0.62, 5), (0.47, 4), (0.33, 3), (0.19, 2)]
    ):
        petal = botany.whorl(polar, radius, count, turn + 1.7 * step, spiral)
        shade = light * (1.06 - 0.05 * step) * (1 + 0.08 * petal.odd)
        shade *= 0.50 + 0.56 * np.clip(3.2 * petal.along - 2.2, 0, 1)
        shade *= 1 - 0.16 * petal.across
        botany.over(canvas, petal.alpha, tint * shade)


def _tulip(canvas: np.ndarray, view: botany.View, draws: botany.Draws) -> None:
    botany.stem(canvas, view, draws, width=0.10, top=0.6)
    botany.leaves(canvas, view, draws, reach=1.0, upright=True)
    tint, tip = draws.colour(_PALETTES["tulip"]), draws.colour([_CREAM, _AMBER, _PINK])
    edge = draws.between(0, 0.45)
    light = botany.light_on(view, draws)
    spread, height = draws.between(0.30, 0.62), draws.between(0.82, 1.0)
    width, bulge = draws.between(0.34, 0.42), draws.between(0.14, 0.30)
    odd = draws.between(-0.08, 0.08)
    # From back to front: (horizontal position, height, brightness).
    for side, rise, glow in [
        (-0.45, 0.96, 0.62),
        (0.45, 0.98, 0.62),
        (-1, 0.9, 0.86),
        (1, 0.9, 0.80),
        (0, 0.80, 1.0),
    ]:
        blade = botany.Blade(
            base=(0.06 * side, 0.76),
            tip=(side * spread + odd, -height * rise),
            bow=side * bulge,
            width=width,
            point=0.45,
        )
        petal = botany.side_view(view, blade)
        shade = glow * light * botany.relief(petal, veins=7, depth=0.05)
        shade *= 0.72 + 0.34 * petal.along
        rim = edge * petal.along * petal.along
        botany.over(canvas, petal.alpha, (tint + (tip - tint) * rim) * shade)


_PAINTERS: dict[str, Callable[[np.ndarray, botany.View, botany.Draws], None]] = {
    "daisy": _daisy,
    "dandelion": _dandelion,
    "rose": _rose,
    "sunflower": _sunflower,
    "tulip": _tulip,
}
SPECIES = tuple(_PAINTERS)
