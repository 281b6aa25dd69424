"""Public reports in which no program is at fault."""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras
import numpy as np

from benchmarks.zoo.cases.case import (
    CANNOT_TELL,
    TOO_FEW_IMAGES,
    Case,
    Program,
    case,
)
from benchmarks.zoo.cases.data import Data, Generator, digits, fashion, rng
from benchmarks.zoo.cases.public.images import (
    PHOTOGRAPHS,
    clothes,
    few,
    only,
    photographs,
    smaller,
)
from benchmarks.zoo.cases.recipe import CNN, MLP, compiled, healthy
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import TOPICS, Plan, adam, sgd, unit
from benchmarks.zoo.cases.spoil import few_validated

layers = keras.layers
losses = keras.losses


def tutorial(shape: tuple[int, ...], classes: int) -> keras.Model:
    """The network of TensorFlow's tutorial on Fashion-MNIST."""
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(classes),
        ]
    )


def blurred(data: Data, draws: Generator) -> Data:
    """Digits of 4x4 pixels with noise: more than some accuracy is not in them."""
    data = smaller(data, 2)
    return data.inputs(lambda x: x + 45 * draws.normal(0, 1, x.shape))


def alike(seed: int) -> Data:
    """T-shirts, pullovers, coats and shirts, which people confuse as well."""
    return only(clothes(seed, 3500, 1200), (0, 2, 4, 6))


def varied(shape: tuple[int, ...], classes: int) -> keras.Model:
    """Convolutions behind layers that augment images while training."""
    augmentation = [
        layers.RandomFlip("horizontal"),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomZoom(0.1),
    ]
    network = nets.strided(dropout=0.3)(shape, classes)
    return keras.Sequential([keras.Input(shape), *augmentation, *network.layers])


def random_numbers(seed: int, broken: bool) -> Program:
    """The documentation's example, whose inputs and labels are random numbers."""
    draws = rng(seed)
    inputs = draws.random((3000, 20)).astype(np.float32)
    labels = draws.integers(2, size=3000).astype(np.int32)
    model = keras.Sequential([keras.Input((20,))])
    for _ in range(2):
        model.add(layers.Dense(64, activation="relu"))
        model.add(layers.Dropout(0.5))
    model.add(layers.Dense(1, activation="sigmoid"))
    compiled(model, keras.optimizers.RMSprop(1e-3), loss="binary_crossentropy")
    parts = [
        (inputs[start:end], labels[start:end])
        for start, end in ((0, 1000), (1000, 2000), (2000, 3000))
    ]
    return Program(model, *parts, epochs=20, batch_size=128)


def with_few(plan: Plan, count: int) -> Callable[[int, bool], Program]:
    """Returns the function of a plan with few images of each class, or with all."""

    def make(seed: int, broken: bool) -> Program:
        def spoil(data: Data, draws: Generator) -> Data:
            return few(data, count) if broken else data

        return plan.but(spoil=spoil).program(seed)

    return make


_TUTORIAL = Plan(
    functools.partial(fashion, train=2500),
    tutorial,
    scale=unit,
    optimizer=adam(1e-3),
    loss=losses.SparseCategoricalCrossentropy(from_logits=True),
    epochs=15,
)
_CLOTHES = Plan(
    functools.partial(clothes, train=2500),
    nets.strided(),
    scale=unit,
    optimizer=adam(2e-3),
    epochs=12,
)
_JITTER = _CLOTHES.but(
    net=nets.dense((96,), dropout=0.2), spoil=few_validated(80), epochs=20
)
_BLURRED = Plan(
    digits, nets.dense((32,)), spoil=blurred, scale=unit, optimizer=adam(2e-3)
)
_FLOWERS = Plan(photographs, varied, scale=unit, optimizer=sgd(0.02, 0.9), epochs=40)
_FEW_FLOWERS = _FLOWERS.but(
    net=nets.strided(dropout=0.3), optimizer=adam(1e-3), epochs=40
)
CASES: tuple[Case, ...] = (
    case(
        "public: dropout while training alone",
        "https://github.com/keras-team/keras/issues/1761",
        "digits",
        "",
        healthy(MLP.but(units=(128, 128), dropout=0.5, epochs=30)),
        floor=0.92,
    ),
    case(
        "public: training accuracy lags behind",
        "https://github.com/XifengGuo/CapsNet-Keras/issues/85",
        "fashion",
        "",
        lambda seed, broken: _CLOTHES.program(seed),
        floor=0.75,
    ),
    case(
        "public: the state of the art is no higher",
        "https://github.com/oarriaga/face_classification/issues/6",
        "fashion",
        "",
        lambda seed, broken: _CLOTHES.but(data=alike).program(seed),
        floor=0.65,
    ),
    case(
        "public: a tutorial's texts",
        "https://github.com/tensorflow/tensorflow/issues/40858",
        "topics",
        "",
        lambda seed, broken: TOPICS.program(seed),
        floor=0.75,
    ),
    case(
        "public: learnt by heart, and good",
        "https://github.com/MIC-DKFZ/nnUNet/issues/757",
        "digits",
        "",
        healthy(CNN.but(epochs=25, units=(96,))),
        floor=0.94,
    ),
    case(
        "public: a small validation set jitters",
        "https://github.com/vlfeat/matconvnet/issues/469",
        "fashion",
        "",
        lambda seed, broken: _JITTER.program(seed),
        floor=0.75,
        answer=CANNOT_TELL,
    ),
    case(
        "public: a tutorial's clothes",
        "https://github.com/tensorflow/tensorflow/issues/35249",
        "fashion",
        "",
        lambda seed, broken: _TUTORIAL.program(seed),
        floor=0.8,
    ),
    case(
        "public: a ceiling in the data",
        "https://github.com/keras-team/keras/issues/481",
        "digits",
        "",
        lambda seed, broken: _BLURRED.program(seed),
        floor=0.5,
    ),
    case(
        "public: above training accuracy, by augmentation",
        "https://stackoverflow.com/questions/48845354",
        PHOTOGRAPHS,
        "",
        lambda seed, broken: _FLOWERS.program(seed),
        floor=0.5,
    ),
    case(
        "public: five categories, too small a data set",
        "https://github.com/keras-team/autokeras/issues/367",
        PHOTOGRAPHS,
        "",
        with_few(_FEW_FLOWERS, 30),
        answer=TOO_FEW_IMAGES,
    ),
    case(
        "public: an example of random numbers",
        "https://github.com/keras-team/keras/issues/12412",
        "noise",
        "",
        random_numbers,
        answer=CANNOT_TELL,
        tolerated=("shuffled_labels",),
    ),
)
