"""Public reports of the second draw in which no program is at fault."""

from __future__ import annotations

import functools

import keras

from benchmarks.zoo.cases.case import CANNOT_TELL, TOO_FEW_IMAGES, Case, case
from benchmarks.zoo.cases.data import digits, fashion
from benchmarks.zoo.cases.public.images import clothes
from benchmarks.zoo.cases.public.sound import with_few
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import Plan, adam, rmsprop, unit
from benchmarks.zoo.cases.spoil import few_validated

layers = keras.layers


def four_layers(shape: tuple[int, ...], classes: int) -> keras.Model:
    """Four convolutions of 16 filters each, in pairs."""
    model = keras.Sequential([keras.Input(shape)])
    for _ in range(2):
        for _ in range(2):
            model.add(layers.Conv2D(16, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(classes, activation="softmax"))
    return model


_FOUR = Plan(
    functools.partial(clothes, train=2000),
    four_layers,
    scale=unit,
    optimizer=adam(2e-3),
    epochs=20,
)
_BOOK = Plan(
    functools.partial(fashion, train=4000),
    nets.dense((128,), init="glorot_uniform"),
    scale=unit,
    optimizer=rmsprop(1e-3),
    batch=128,
    epochs=12,
)
_CAPABLE = Plan(
    digits,
    nets.strided(dropout=0.2),
    scale=unit,
    optimizer=adam(2e-3),
    epochs=25,
)
_STEPS = _CAPABLE.but(
    data=functools.partial(digits, train=600),
    net=nets.dense((48,), dropout=0.2),
    spoil=few_validated(30),
)
_FEW = Plan(
    functools.partial(clothes, train=3000),
    nets.strided(dropout=0.4),
    scale=unit,
    optimizer=adam(2e-3),
    epochs=50,
    batch=16,
)

CASES: tuple[Case, ...] = (
    case(
        "public: loss and accuracy both rise",
        "https://github.com/keras-team/keras/issues/3755",
        "fashion",
        "",
        lambda seed, broken: _FOUR.program(seed),
        floor=0.8,
        # What the first answer calls it, although accuracy improves.
        tolerated=("overfitting",),
    ),
    case(
        "public: another accuracy than in the book",
        "https://github.com/rstudio/keras3/issues/301",
        "fashion",
        "",
        lambda seed, broken: _BOOK.program(seed),
        floor=0.8,
    ),
    case(
        "public: no better from the eleventh epoch on",
        "https://github.com/attractivechaos/kann/issues/42",
        "digits",
        "",
        lambda seed, broken: _CAPABLE.program(seed),
        floor=0.94,
    ),
    case(
        "public: accuracy moves in steps",
        "https://github.com/stellargraph/stellargraph/issues/1906",
        "digits",
        "",
        lambda seed, broken: _STEPS.program(seed),
        floor=0.88,
        answer=CANNOT_TELL,
    ),
    case(
        "public: more images make a difference",
        "https://github.com/freedomofkeima/transfer-learning-anime/issues/3",
        "fashion",
        "",
        with_few(_FEW, 10),
        answer=TOO_FEW_IMAGES,
    ),
)
