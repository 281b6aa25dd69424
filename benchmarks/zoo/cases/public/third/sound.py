"""Public reports of the third draw in which no program is at fault."""

from __future__ import annotations

import functools

import keras

from benchmarks.zoo.cases.case import CANNOT_TELL, TOO_FEW_IMAGES, Case, case
from benchmarks.zoo.cases.data import fashion
from benchmarks.zoo.cases.public.images import PHOTOGRAPHS, clothes, only, photographs
from benchmarks.zoo.cases.public.sound import with_few
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import Plan, adam, unit
from benchmarks.zoo.cases.spoil import few_validated

layers = keras.layers


def resized(net: nets.Net) -> nets.Net:
    """Puts layers before a network that crop and mirror images while training.

    Args:
        net: The network.
    """

    def make(shape: tuple[int, ...], classes: int) -> keras.Model:
        augmentation = [layers.RandomZoom((-0.4, 0.0)), layers.RandomFlip("horizontal")]
        network = net(shape, classes)
        return keras.Sequential([keras.Input(shape), *augmentation, *network.layers])

    return make


def linear(shape: tuple[int, ...], classes: int) -> keras.Model:
    """One layer, whose weights are 0 at first."""
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Flatten(),
            layers.Dense(classes, "softmax", kernel_initializer="zeros"),
        ]
    )


_TWO_KINDS = Plan(
    lambda seed: only(photographs(seed, 2000, 800), (0, 2)),
    resized(nets.strided(dropout=0.2)),
    scale=unit,
    optimizer=adam(2e-3),
    epochs=25,
)
_ZEROS = Plan(
    functools.partial(fashion, train=3000),
    linear,
    scale=unit,
    optimizer=adam(1e-3),
    epochs=25,
)
_SEEDS = Plan(
    functools.partial(clothes, train=2500),
    nets.dense((64,), dropout=0.2),
    spoil=few_validated(40),
    scale=unit,
    optimizer=adam(1e-3),
    epochs=50,
)
_FEW = Plan(
    photographs,
    nets.strided(dropout=0.3),
    scale=unit,
    optimizer=adam(1e-3),
    batch=16,
    epochs=80,
)

CASES: tuple[Case, ...] = (
    case(
        "public: two kinds, cropped while training",
        "https://github.com/lucidrains/vit-pytorch/issues/311",
        PHOTOGRAPHS,
        "",
        lambda seed, broken: _TWO_KINDS.program(seed),
        floor=0.7,
    ),
    case(
        "public: a linear model begins with zeros",
        "https://github.com/jthickstun/pytorch_musicnet/issues/4",
        "fashion",
        "",
        lambda seed, broken: _ZEROS.program(seed),
        floor=0.75,
    ),
    case(
        "public: other seeds, other accuracies",
        "https://github.com/hongyizhi/TSFCNet/issues/1",
        "fashion",
        "",
        lambda seed, broken: _SEEDS.program(seed),
        floor=0.75,
        answer=CANNOT_TELL,
    ),
    case(
        "public: fifteen images a class",
        "https://github.com/davidsandberg/facenet/issues/956",
        PHOTOGRAPHS,
        "",
        with_few(_FEW, 15),
        answer=TOO_FEW_IMAGES,
    ),
)
