"""Public reports about inputs: their scale, and how each split is prepared."""

from __future__ import annotations

import functools

import keras
import numpy as np

from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import Data, Generator, digits, fashion
from benchmarks.zoo.cases.public.images import only
from benchmarks.zoo.cases.recipe import CNN, compiled, faulty
from benchmarks.zoo.cases.report.plan import Plan, sgd, unit

layers = keras.layers
_RAW = "unnormalized_inputs|learning_rate_too_high|dead_units|exploding_gradients"


def first_columns(data: Data) -> Data:
    """Standardizes `x[:, :, i]` for three channels, which are columns here."""

    def change(images: np.ndarray) -> np.ndarray:
        images = images.copy()
        for column in range(3):
            part = images[:, :, column]
            images[:, :, column] = (part - 125) / 63
        return images

    return data.inputs(change)


def divided_as_integers(data: Data, draws: Generator) -> Data:
    """Divides integers by the largest pixel value there may be: all become 0."""
    return data.inputs(lambda x: x.astype(np.int64) // 256)


def lenet(shape: tuple[int, ...], classes: int) -> keras.Model:
    """LeNet-5 with ReLU, drawn by He."""
    he = keras.initializers.HeNormal
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(6, 5, activation="relu", kernel_initializer=he()),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 5, activation="relu", kernel_initializer=he()),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="relu", kernel_initializer=he()),
            layers.Dense(84, activation="relu", kernel_initializer=he()),
            layers.Dense(classes, activation="softmax", kernel_initializer=he()),
        ]
    )


def _pretrained(data: Data) -> keras.Model:
    """Returns convolutions trained on pixels minus a mean, to be frozen."""
    base = keras.Sequential([keras.Input(data.x.shape[1:])])
    for filters in (16, 32):
        base.add(layers.Conv2D(filters, 3))
        base.add(layers.BatchNormalization(momentum=0.9))
        base.add(layers.ReLU())
    base.add(layers.GlobalMaxPooling2D())
    head = layers.Dense(data.classes, activation="softmax")
    model = compiled(keras.Sequential([base, head]))
    model.fit(data.x - 100, data.y, epochs=8, verbose=0)
    base.trainable = False
    return base


def frozen_base(seed: int, broken: bool) -> Program:
    """A frozen base gets pixels divided by 255, not those that it was trained on."""
    data = digits(seed)
    base = _pretrained(only(data, range(5)))
    data = only(data, range(5, 10))
    data = unit(data) if broken else data.inputs(lambda x: x - 100)
    head = layers.Dense(data.classes, activation="softmax")
    model = compiled(keras.Sequential([base, head]), keras.optimizers.RMSprop(3e-3))
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=20
    )


_CIFAR = Plan(
    functools.partial(fashion, train=1500),
    lenet,
    scale=unit,
    optimizer=sgd(0.02, 0.9, nesterov=True),
    batch=128,
    epochs=10,
)

CASES: tuple[Case, ...] = (
    case(
        "public: columns taken for channels",
        "https://github.com/BIGBALLON/cifar-10-cnn/issues/17",
        "fashion",
        _RAW,
        lambda seed, broken: _CIFAR.but(
            scale=first_columns if broken else unit
        ).program(seed),
    ),
    case(
        "public: integers divided to zero",
        "https://github.com/keras-team/keras/issues/255",
        "digits",
        "unnormalized_inputs|shuffled_labels",
        faulty(CNN.but(epochs=10), spoil=divided_as_integers),
    ),
    case(
        "public: a frozen base without its preprocess_input",
        "https://github.com/fchollet/deep-learning-with-python-notebooks/issues/21",
        "digits",
        "unnormalized_inputs|preprocessing_mismatch|frozen_weights",
        frozen_base,
    ),
)
