"""The data sets of the zoo. Pixels are float32 from 0 to 255."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.data import arrays, drawn, fashion_mnist
from framework.data.split import Split

Generator = np.random.Generator


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """The three splits of a data set.

    Attributes:
        x: Training inputs, float32 [N, ...].
        y: Training labels, int [N].
        vx: Validation inputs.
        vy: Validation labels.
        tx: Test inputs, which show what a model is worth.
        ty: Test labels.
        classes: How many classes there are.
    """

    x: np.ndarray
    y: np.ndarray
    vx: np.ndarray
    vy: np.ndarray
    tx: np.ndarray
    ty: np.ndarray
    classes: int

    def but(self, **changes: np.ndarray) -> Data:
        """Returns a copy with some arrays replaced."""
        return dataclasses.replace(self, **changes)

    def inputs(self, change: Callable[[np.ndarray], np.ndarray]) -> Data:
        """Returns a copy with all inputs changed."""
        return self.but(
            x=change(self.x).astype(np.float32),
            vx=change(self.vx).astype(np.float32),
            tx=change(self.tx).astype(np.float32),
        )


def rng(seed: int) -> Generator:
    """Returns the random generator of a seed."""
    return np.random.Generator(np.random.PCG64(seed + 1_000))


def _floats(split: Split) -> tuple[np.ndarray, np.ndarray]:
    return split.images.astype(np.float32), split.labels


@functools.lru_cache(maxsize=4)
def digits(seed: int, train: int = 900, validation: int = 400) -> Data:
    """Handwritten digits, 8x8."""
    whole = arrays.digits(validation=0.5, seed=seed)
    (x, y), (others, labels) = _floats(whole.train), _floats(whole.validation)
    # They lie in the order in which they were written.
    order = rng(seed).permutation(len(x))[:train]
    rest = rng(seed + 1).permutation(len(others))
    val, test = rest[:validation], rest[validation:]
    return Data(
        x[order],
        y[order],
        others[val],
        labels[val],
        others[test],
        labels[test],
        classes=10,
    )


@functools.lru_cache(maxsize=4)
def flowers(
    seed: int, train: int = 400, validation: int = 400, size: int = 24, **options: Any
) -> Data:
    """Drawn flowers; the test images have the conditions of validation."""
    one = drawn.drawn_flowers(train, validation, size, seed=2 * seed, **options)
    options = options | {"duplicates": 0.0}
    other = drawn.drawn_flowers(1, 500, size, seed=2 * seed + 1, **options)
    return Data(
        *_floats(one.train),
        *_floats(one.validation),
        *_floats(other.validation),
        classes=5,
    )


@functools.cache
def _fashion() -> tuple[Split, Split]:
    whole = fashion_mnist.fashion_mnist()
    return whole.train, whole.validation


@functools.lru_cache(maxsize=4)
def fashion(seed: int, train: int = 2000, validation: int = 500) -> Data:
    """A part of Fashion-MNIST."""
    draws = rng(seed)
    first, second = _fashion()
    chosen = draws.permutation(len(first))[: train + validation]
    test = draws.permutation(len(second))[:1000]
    return Data(
        *_floats(first.take(chosen[:train])),
        *_floats(first.take(chosen[train:])),
        *_floats(second.take(test)),
        classes=10,
    )


def blobs(
    seed: int,
    train: int = 400,
    validation: int = 400,
    classes: int = 2,
    features: int = 8,
    spread: float = 1.0,
) -> Data:
    """Normal clouds around random centres, float32 [N, features]."""
    centres = rng(7).normal(0, 2, (classes, features))
    draws, total = rng(seed), train + validation + 1000
    labels = draws.integers(classes, size=total).astype(np.int32)
    inputs = centres[labels] + spread * draws.normal(0, 1, (total, features))
    return _divided(inputs, labels, train, validation, classes)


def circles(
    seed: int, train: int = 400, validation: int = 400, noise: float = 0.1
) -> Data:
    """Two rings, one in the other, float32 [N, 2]."""
    draws, total = rng(seed), train + validation + 1000
    labels = draws.integers(2, size=total).astype(np.int32)
    angle = draws.uniform(0, 2 * np.pi, total)
    radius = 1 - 0.5 * labels
    inputs = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    inputs += noise * draws.normal(0, 1, inputs.shape)
    return _divided(inputs, labels, train, validation, 2)


def moons(seed: int, train: int = 400, validation: int = 400) -> Data:
    """Two half rings that lie in each other, float32 [N, 2]."""
    draws, total = rng(seed), train + validation + 1000
    labels = draws.integers(2, size=total).astype(np.int32)
    angle = draws.uniform(0, np.pi, total)
    side = 1 - 2 * labels
    inputs = np.stack([labels + side * np.cos(angle), side * np.sin(angle)], axis=1)
    inputs[:, 1] += 0.5 * labels
    inputs += 0.15 * draws.normal(0, 1, inputs.shape)
    return _divided(inputs, labels, train, validation, 2)


def _divided(
    inputs: np.ndarray, labels: np.ndarray, train: int, validation: int, classes: int
) -> Data:
    parts = []
    for rows in np.split(np.arange(len(labels)), [train, train + validation]):
        parts += [inputs[rows].astype(np.float32), labels[rows]]
    return Data(*parts, classes=classes)


SOURCES: dict[str, Callable[..., Data]] = {
    "digits": digits,
    "flowers": flowers,
    "fashion": fashion,
    "blobs": blobs,
    "circles": circles,
    "moons": moons,
}
