"""The data sets of the held-out half; none is as in the other half.

Pixels are float32 from 0 to 255, as in `benchmarks.zoo.cases.data`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn import datasets

from benchmarks.zoo.cases.data import Data, Generator, fashion, rng

Draw = Callable[[int, Generator], np.ndarray]


def cut(inputs: np.ndarray, labels: np.ndarray, *sizes: int, classes: int) -> Data:
    """Returns three splits of examples in random order; the third has the rest."""
    train, validation = sizes
    parts = []
    for rows in np.split(np.arange(len(labels)), [train, train + validation]):
        parts += [inputs[rows].astype(np.float32), labels[rows].astype(np.int32)]
    return Data(*parts, classes=classes)


def _drawn(seed: int, sizes: tuple[int, int, int], classes: int, draw: Draw) -> Data:
    draws = rng(seed)
    labels = draws.integers(classes, size=sum(sizes)).astype(np.int32)
    inputs = np.stack([draw(label, draws) for label in labels])
    return cut(inputs, labels, *sizes[:2], classes=classes)


def _table(seed: int, whole: dict, train: int, validation: int) -> Data:
    inputs, labels = whole["data"], whole["target"]
    order = rng(seed).permutation(len(labels))
    classes = int(labels.max()) + 1
    return cut(inputs[order], labels[order], train, validation, classes=classes)


def wines(seed: int, train: int = 70, validation: int = 54) -> Data:
    """Thirteen measurements of wines from three growers, in their own units."""
    return _table(seed, datasets.load_wine(), train, validation)


def tumours(seed: int, train: int = 220, validation: int = 150) -> Data:
    """Thirty measurements of benign and malignant tumours, in their own units."""
    return _table(seed, datasets.load_breast_cancer(), train, validation)


def standardized(data: Data) -> Data:
    """Brings each column to mean 0 and deviation 1 over the training rows."""
    mean, deviation = data.x.mean(axis=0), data.x.std(axis=0)
    return data.inputs(lambda x: (x - mean) / deviation)


@functools.lru_cache(maxsize=4)
def letters(
    seed: int,
    train: int = 1600,
    validation: int = 400,
    size: int = 16,
    alphabet: str = "AEFHKMRS",
    turn: float = 20.0,
    noise: float = 20.0,
) -> Data:
    """Printed capitals, turned and moved, grey on grey."""
    font = ImageFont.load_default(size=int(0.8 * size))

    def draw(label: int, draws: Generator) -> np.ndarray:
        paper, ink = draws.uniform(0, 60), draws.uniform(150, 250)
        page = Image.new("L", (size, size), int(paper))
        place = size / 2 + draws.uniform(-0.12, 0.12, 2) * size
        ImageDraw.Draw(page).text(
            tuple(place), alphabet[label], int(ink), font, anchor="mm"
        )
        angle = draws.uniform(-turn, turn)
        page = page.rotate(angle, Image.Resampling.BILINEAR, fillcolor=int(paper))
        image = np.asarray(page, np.float32) + noise * draws.normal(0, 1, (size, size))
        return np.clip(image, 0, 255)[..., None]

    return _drawn(seed, (train, validation, 600), len(alphabet), draw)


_CORNERS = {1: 3, 2: 4, 3: 6}


def _figure(pen: ImageDraw.ImageDraw, label: int, at: np.ndarray, r: float, **ink):
    (x, y), box = at, (*(at - r), *(at + r))
    if label == 0:
        pen.ellipse(box, **ink)
    elif label in _CORNERS:
        pen.regular_polygon((x, y, r), _CORNERS[label], **ink)
    elif label == 4:
        pen.rectangle((x - r, y - r / 3, x + r, y + r / 3), **ink)
        pen.rectangle((x - r / 3, y - r, x + r / 3, y + r), **ink)
    else:
        pen.pieslice(box, 30, 330, **ink)


@functools.lru_cache(maxsize=4)
def figures(
    seed: int, train: int = 700, validation: int = 400, grain: float = 16.0
) -> Data:
    """Coloured discs, triangles, squares, hexagons, crosses and cut discs, 20x20."""

    def draw(label: int, draws: Generator) -> np.ndarray:
        ground, colour = draws.integers(0, 110, 3), draws.integers(130, 256, 3)
        page = Image.new("RGB", (40, 40), tuple(ground))
        at, r = draws.uniform(16, 24, 2), draws.uniform(9, 15)
        _figure(ImageDraw.Draw(page), label, at, r, fill=tuple(colour))
        image = np.asarray(page.resize((20, 20)), np.float32)
        return np.clip(image + grain * draws.normal(0, 1, image.shape), 0, 255)

    return _drawn(seed, (train, validation, 600), 6, draw)


@functools.lru_cache(maxsize=4)
def stripes(
    seed: int, train: int = 600, validation: int = 400, noise: float = 45.0
) -> Data:
    """Stripes in one of six directions, of any width, 16x16."""
    rows, columns = np.mgrid[:16, :16]

    def draw(label: int, draws: Generator) -> np.ndarray:
        angle = np.pi * (label + draws.uniform(-0.25, 0.25)) / 6
        along = rows * np.sin(angle) + columns * np.cos(angle)
        wave = np.sin(along * draws.uniform(0.9, 1.6) + draws.uniform(0, 2 * np.pi))
        image = 127 + draws.uniform(40, 90) * wave
        image = image + noise * draws.normal(0, 1, image.shape)
        return np.clip(image, 0, 255)[..., None]

    return _drawn(seed, (train, validation, 600), 6, draw)


@functools.lru_cache(maxsize=4)
def wardrobe(seed: int, train: int = 1200, validation: int = 500) -> Data:
    """Six kinds of clothing out of Fashion-MNIST, at half of its size."""
    kinds = np.array([0, 2, 3, 5, 7, 8])
    whole = fashion(seed + 500, 2 * train, 2 * validation)
    parts = []
    for x, y in ((whole.x, whole.y), (whole.vx, whole.vy), (whole.tx, whole.ty)):
        rows = np.isin(y, kinds)
        small = x[rows].reshape(-1, 14, 2, 14, 2, 1).mean(axis=(2, 4))
        parts += [small.astype(np.float32), np.searchsorted(kinds, y[rows])]
    data = Data(*parts, classes=len(kinds))
    return data.but(
        x=data.x[:train],
        y=data.y[:train],
        vx=data.vx[:validation],
        vy=data.vy[:validation],
    )


def spirals(
    seed: int,
    train: int = 600,
    validation: int = 400,
    arms: int = 3,
    noise: float = 0.12,
) -> Data:
    """Arms of a spiral, float32 [N, 2]."""

    def draw(label: int, draws: Generator) -> np.ndarray:
        way = draws.uniform(0.15, 1.0)
        angle = 2 * np.pi * label / arms + 4.0 * way + noise * draws.normal()
        return 2 * way * np.array([np.cos(angle), np.sin(angle)])

    return _drawn(seed, (train, validation, 800), arms, draw)


@functools.lru_cache(maxsize=4)
def waves(
    seed: int, train: int = 700, validation: int = 400, noise: float = 0.35
) -> Data:
    """Sines, squares, saw teeth, chirps and bursts of 64 readings, [N, 64, 1]."""
    time = np.arange(64) / 64

    def draw(label: int, draws: Generator) -> np.ndarray:
        turns = draws.uniform(3, 6) * time + draws.uniform()
        kinds = (
            lambda: np.sin(2 * np.pi * turns),
            lambda: np.sign(np.sin(2 * np.pi * turns)),
            lambda: 2 * (turns % 1) - 1,
            lambda: np.sin(2 * np.pi * turns * (0.4 + 1.6 * time)),
            lambda: np.sin(4 * np.pi * turns) * (np.sin(2 * np.pi * time * 2) > 0),
        )
        signal = draws.uniform(0.7, 1.3) * kinds[label]()
        return (signal + noise * draws.normal(0, 1, 64))[:, None]

    return _drawn(seed, (train, validation, 600), 5, draw)


def topics(
    seed: int, train: int = 1500, validation: int = 400, words: int = 24
) -> Data:
    """Texts of four topics: numbers of words, most of which are of any topic."""
    own = rng(11).permutation(300)[:80].reshape(4, 20)

    def draw(label: int, draws: Generator) -> np.ndarray:
        text = draws.integers(300, size=words)
        is_topical = draws.random(words) < 0.2
        text[is_topical] = draws.choice(own[label], is_topical.sum())
        return text

    return _drawn(seed, (train, validation, 600), 4, draw)
