"""Public reports about how data are divided, ordered and prepared."""

from __future__ import annotations

import numpy as np

from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import Data, Generator, rng
from benchmarks.zoo.cases.public.images import PHOTOGRAPHS, clothes, only, photographs
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import Plan, adam, sgd, unit
from benchmarks.zoo.cases.spoil import sorted_training

_SIDE = 24
# Where the windows of an image of 32x32 begin; neighbours share two thirds.
_CORNERS = (0, 8)


def windows(images: np.ndarray) -> np.ndarray:
    """Returns four overlapping windows of each image, float32 [4 N, 24, 24, C]."""
    parts = [
        images[:, top : top + _SIDE, left : left + _SIDE]
        for top in _CORNERS
        for left in _CORNERS
    ]
    return np.concatenate(parts)


def cut_first(seed: int, broken: bool) -> Data:
    """Returns windows of photographs; validation holds some of training's, or others.

    Args:
        seed: Of the data.
        broken: Whether validation windows are chosen among those of training.
    """
    data = photographs(seed, train=500, validation=150, size=32)
    x, y = windows(data.x), np.tile(data.y, 4)
    vx, vy = windows(data.vx), np.tile(data.vy, 4)
    if broken:
        rows = rng(seed + 700).permutation(len(y))[: len(vy)]
        vx, vy = x[rows], y[rows]
    # The middle of each test image.
    tx = data.tx[:, 4 : 4 + _SIDE, 4 : 4 + _SIDE]
    return data.but(x=x, y=y, vx=vx, vy=vy, tx=tx)


def _windows(seed: int, broken: bool) -> Program:
    return _WINDOWS.but(data=lambda seed: cut_first(seed, broken)).program(seed)


def ends(data: Data, draws: Generator) -> Data:
    """Trains on the first half of the files, validates on the last: one kind each."""
    x, y = np.concatenate([data.x, data.vx]), np.concatenate([data.y, data.vy])
    order = np.argsort(y, kind="stable")
    count = min(np.bincount(y))
    first, last = order[:count], order[-count:]
    return data.but(x=x[first], y=y[first], vx=x[last], vy=y[last])


def _ends(seed: int, broken: bool) -> Program:
    return _TWO_KINDS.but(spoil=ends if broken else None).program(seed)


def _in_order(seed: int, broken: bool) -> Program:
    """Files in the order of their folders, read as they lie or shuffled."""
    feed = "dataset in order" if broken else "dataset"
    return _FLOWERS.but(spoil=sorted_training, feed=feed).program(seed)


def two_ways(data: Data, draws: Generator) -> Data:
    """Brings validation pixels to 0 to 1, and those of the other images to -1 to 1."""
    return data.inputs(lambda x: x / 127.5 - 1).but(vx=data.vx / 255)


def one_way(data: Data, draws: Generator) -> Data:
    """Brings all pixels to -1 to 1."""
    return data.inputs(lambda x: x / 127.5 - 1)


def _generators(seed: int, broken: bool) -> Program:
    return _CLOTHES.but(spoil=two_ways if broken else one_way).program(seed)


_FLOWERS = Plan(
    photographs, nets.strided(), scale=unit, optimizer=sgd(0.02, 0.9), epochs=15
)
_WINDOWS = Plan(
    photographs,
    nets.strided(filters=(24, 48)),
    scale=unit,
    optimizer=adam(1e-3),
    epochs=20,
)
_TWO_KINDS = Plan(
    lambda seed: only(photographs(seed, 2000, 800), (0, 3)),
    nets.strided(),
    scale=unit,
    optimizer=adam(1e-3),
    epochs=15,
)
_CLOTHES = Plan(clothes, nets.strided(), optimizer=adam(2e-3), batch=64, epochs=15)

CASES: tuple[Case, ...] = (
    case(
        "public: windows of the same pictures",
        "https://github.com/stefyste/RIAWELC/issues/2",
        PHOTOGRAPHS,
        "split_leakage",
        _windows,
        ruler=True,
    ),
    case(
        "public: the first files and the last",
        "https://github.com/Project-MONAI/tutorials/issues/122",
        PHOTOGRAPHS,
        "split_artifact",
        _ends,
    ),
    case(
        "public: not shuffled by default",
        "https://github.com/Deci-AI/super-gradients/issues/416",
        PHOTOGRAPHS,
        "unshuffled_batches",
        _in_order,
    ),
    case(
        "public: two generators, two preprocessings",
        "https://github.com/keras-team/keras/issues/12689",
        "fashion",
        "preprocessing_mismatch",
        _generators,
        ruler=True,
    ),
)
