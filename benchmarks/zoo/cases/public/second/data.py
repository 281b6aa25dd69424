"""Public reports about data: how they are labelled, read, augmented and divided."""

from __future__ import annotations

import functools

import numpy as np

from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import Data, Generator
from benchmarks.zoo.cases.public.images import PHOTOGRAPHS, clothes, only, photographs
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import Plan, adam, unit


def listed_otherwise(data: Data, draws: Generator) -> Data:
    """Numbers the validation folders as they are listed, which is in no order."""
    return data.but(vy=np.array([3, 4, 1, 0, 2], data.vy.dtype)[data.vy])


def blue_first(data: Data, draws: Generator) -> Data:
    """Reverses the channels of the training images, and of no others."""
    return data.but(x=data.x[..., ::-1].copy())


def copied(x: np.ndarray, draws: Generator) -> np.ndarray:
    """Returns each image five times: mirrored, moved by a pixel, darker and noisy."""
    copies = [
        x,
        x[:, :, ::-1],
        np.roll(x, 1, axis=1),
        0.8 * x,
        x + 12 * draws.normal(0, 1, x.shape),
    ]
    return np.concatenate(copies).astype(np.float32)


def augmented_first(seed: int, broken: bool) -> Program:
    """Copies all images and divides the copies, not the images."""

    def spoil(data: Data, draws: Generator) -> Data:
        if broken:
            x, y = np.concatenate([data.x, data.vx]), np.concatenate([data.y, data.vy])
            x, y = copied(x, draws), np.tile(y, 5)
            order = draws.permutation(len(y))
            train, validation = order[: 5 * len(data.y)], order[5 * len(data.y) :]
            return data.but(x=x[train], y=y[train], vx=x[validation], vy=y[validation])
        return data.but(
            x=copied(data.x, draws),
            y=np.tile(data.y, 5),
            vx=copied(data.vx, draws),
            vy=np.tile(data.vy, 5),
        )

    return _COPIED.but(spoil=spoil).program(seed)


def unbalanced(seed: int, broken: bool) -> Program:
    """Two kinds of clothes, of which one is rare; and as many of either."""

    def spoil(data: Data, draws: Generator) -> Data:
        shirts, others = np.flatnonzero(data.y == 1), np.flatnonzero(data.y == 0)
        rare, common = (12, 288) if broken else (150, 150)
        rows = draws.permutation(np.concatenate([shirts[:rare], others[:common]]))
        return data.but(x=data.x[rows], y=data.y[rows])

    return _TWO_KINDS.but(spoil=spoil).program(seed)


_FLOWERS = Plan(
    functools.partial(photographs, train=2000, validation=600),
    nets.strided(),
    scale=unit,
    optimizer=adam(1e-3),
    epochs=15,
)
_COPIED = Plan(
    functools.partial(clothes, train=300, validation=150),
    nets.strided(filters=(24, 48)),
    scale=unit,
    optimizer=adam(1e-3),
    epochs=20,
)
_TWO_KINDS = Plan(
    lambda seed: only(clothes(seed, 4000, 1500), (2, 6)),
    nets.dense((64,)),
    scale=unit,
    optimizer=adam(1e-3),
    epochs=20,
)

CASES: tuple[Case, ...] = (
    case(
        "public: classes in the order of a listing",
        "https://github.com/uzh-rpg/rpg_event_representation_learning/issues/2",
        PHOTOGRAPHS,
        "preprocessing_mismatch",
        lambda seed, broken: _FLOWERS.but(
            spoil=listed_otherwise if broken else None
        ).program(seed),
        ruler=True,
    ),
    case(
        "public: blue before red in training alone",
        "https://github.com/TreB1eN/InsightFace_Pytorch/issues/92",
        PHOTOGRAPHS,
        "preprocessing_mismatch",
        lambda seed, broken: _FLOWERS.but(spoil=blue_first if broken else None).program(
            seed
        ),
    ),
    case(
        "public: augmented, then divided",
        "https://github.com/robinreni96/Font_Recognition-DeepFont/issues/2",
        "fashion",
        "split_leakage",
        augmented_first,
        ruler=True,
    ),
    case(
        "public: very different numbers of two kinds",
        "https://github.com/keras-team/keras/issues/2005",
        "fashion",
        "class_imbalance",
        unbalanced,
    ),
)
