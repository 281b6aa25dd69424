"""Faults of data: each function takes `Data` and draws, and returns faulty `Data`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from benchmarks.zoo.cases.data import Data, Generator

Spoil = Callable[[Data, Generator], Data]


def label_noise(share: float) -> Spoil:
    """Gives a share of the training images another class, any of them."""

    def spoil(data: Data, draws: Generator) -> Data:
        wrong = draws.random(len(data.y)) < share
        other = data.y + draws.integers(1, data.classes, len(data.y))
        return data.but(y=np.where(wrong, other % data.classes, data.y))

    return spoil


def flipped_pairs(share: float) -> Spoil:
    """Gives a share of the training images of each class its neighbour's label."""

    def spoil(data: Data, draws: Generator) -> Data:
        wrong = draws.random(len(data.y)) < share
        return data.but(y=np.where(wrong, (data.y + 1) % data.classes, data.y))

    return spoil


def shuffled_images(data: Data, draws: Generator) -> Data:
    """Shuffles the training images, and leaves the labels where they are."""
    return data.but(x=data.x[draws.permutation(len(data.x))])


def shifted_labels(data: Data, draws: Generator) -> Data:
    """Reads the training labels from one line further, as a header line makes one."""
    return data.but(y=np.roll(data.y, 1))


def imbalanced(ratio: float) -> Spoil:
    """Keeps ever fewer training images of each further class."""

    def spoil(data: Data, draws: Generator) -> Data:
        keep = ratio ** -(data.y / (data.classes - 1))
        rows = np.flatnonzero(draws.random(len(data.y)) < keep)
        return data.but(x=data.x[rows], y=data.y[rows])

    return spoil


def leaked(share: float, jitter: float = 4.0) -> Spoil:
    """Replaces a share of the validation images by training images, with some noise."""

    def spoil(data: Data, draws: Generator) -> Data:
        rows = draws.permutation(len(data.vy))[: int(share * len(data.vy))]
        copied = draws.integers(len(data.y), size=len(rows))
        vx, vy = data.vx.copy(), data.vy.copy()
        vx[rows] = data.x[copied] + jitter * draws.normal(0, 1, data.x[copied].shape)
        vy[rows] = data.y[copied]
        return data.but(vx=vx, vy=vy)

    return spoil


def turned(images: np.ndarray, draws: Generator) -> np.ndarray:
    """Turns each image by 5 to 9 degrees, to either side."""
    angles = draws.uniform(5, 9, len(images)) * draws.choice([-1, 1], len(images))
    return np.stack(
        [
            ndimage.rotate(each, angle, axes=(0, 1), reshape=False, order=1)
            for each, angle in zip(images, angles, strict=True)
        ]
    )


def turned_copies(data: Data, draws: Generator) -> Data:
    """Takes turned training images for validation."""
    rows = draws.permutation(len(data.y))[: len(data.vy)]
    return data.but(vx=turned(data.x[rows], draws), vy=data.y[rows])


def oversampled_first(data: Data, draws: Generator) -> Data:
    """Copies images until there are enough, and only then divides them."""
    few = len(data.y) // 4
    x, y = np.tile(data.x[:few], (5, 1, 1, 1)), np.tile(data.y[:few], 5)
    x = x + 3 * draws.normal(0, 1, x.shape).astype(np.float32)
    order = draws.permutation(len(y))
    cut = len(order) * 3 // 4
    train, validation = order[:cut], order[cut:]
    return data.but(x=x[train], y=y[train], vx=x[validation], vy=y[validation])


def few_sources(data: Data, draws: Generator) -> Data:
    """Trains on as many images, but all of them nearly copies of two a class."""
    chosen = np.concatenate(
        [np.flatnonzero(data.y == label)[:2] for label in range(data.classes)]
    )
    rows = draws.choice(chosen, len(data.y))
    x = data.x[rows] + 6 * draws.normal(0, 1, data.x.shape).astype(np.float32)
    return data.but(x=x, y=data.y[rows])


def sorted_split(data: Data, draws: Generator) -> Data:
    """Takes the last part of sorted data for validation, as `validation_split` does."""
    x, y = np.concatenate([data.x, data.vx]), np.concatenate([data.y, data.vy])
    order = np.argsort(y, kind="stable")
    cut = len(data.y)
    return data.but(
        x=x[order[:cut]], y=y[order[:cut]], vx=x[order[cut:]], vy=y[order[cut:]]
    )


def lost_classes(data: Data, draws: Generator) -> Data:
    """Trains without two of the classes."""
    rows = np.flatnonzero(data.y < data.classes - 2)
    return data.but(x=data.x[rows], y=data.y[rows])


def sorted_training(data: Data, draws: Generator) -> Data:
    """Sorts the training images by class."""
    order = np.argsort(data.y, kind="stable")
    return data.but(x=data.x[order], y=data.y[order])


def darker(factor: float) -> Spoil:
    """Validates, and later works, on darker images."""

    def spoil(data: Data, draws: Generator) -> Data:
        return data.but(vx=data.vx * factor, tx=data.tx * factor)

    return spoil


def noisier(deviation: float) -> Spoil:
    """Validates, and later works, on images of a noisier camera."""

    def spoil(data: Data, draws: Generator) -> Data:
        vx = data.vx + deviation * draws.normal(0, 1, data.vx.shape)
        tx = data.tx + deviation * draws.normal(0, 1, data.tx.shape)
        return data.but(vx=vx.astype(np.float32), tx=tx.astype(np.float32))

    return spoil


def inverted(data: Data, draws: Generator) -> Data:
    """Validates, and later works, on negatives."""
    return data.but(vx=255 - data.vx, tx=255 - data.tx)


def few_validated(count: int) -> Spoil:
    """Validates on few images."""

    def spoil(data: Data, draws: Generator) -> Data:
        rows = draws.permutation(len(data.vy))[:count]
        return data.but(vx=data.vx[rows], vy=data.vy[rows])

    return spoil


def few_trained(count: int) -> Spoil:
    """Trains on few images."""

    def spoil(data: Data, draws: Generator) -> Data:
        return data.but(x=data.x[:count], y=data.y[:count])

    return spoil


def validated_otherwise(change: Callable[[np.ndarray], np.ndarray]) -> Spoil:
    """Prepares validation images in another way than those of training."""

    def spoil(data: Data, draws: Generator) -> Data:
        return data.but(
            vx=change(data.vx).astype(np.float32), tx=change(data.tx).astype(np.float32)
        )

    return spoil


def relabelled_validation(data: Data, draws: Generator) -> Data:
    """Numbers the classes of the validation folder in another order."""
    order = np.roll(np.arange(data.classes), 2)
    order[[0, 3]] = order[[3, 0]]
    return data.but(vy=order[data.vy], ty=order[data.ty])


def both(*spoils: Spoil) -> Spoil:
    """Applies several functions in order."""

    def spoil(data: Data, draws: Generator) -> Data:
        for each in spoils:
            data = each(data, draws)
        return data

    return spoil
