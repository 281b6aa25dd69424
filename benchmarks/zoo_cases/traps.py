"""Healthy programs that a published rule takes for broken ones."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from benchmarks.zoo_cases import spoil
from benchmarks.zoo_cases.case import Case, Program, table
from benchmarks.zoo_cases.custom import averaged, looped
from benchmarks.zoo_cases.data import Data, Generator, blobs, digits, flowers
from benchmarks.zoo_cases.recipe import (
    CNN,
    FASHION,
    FASHION_MLP,
    FLOWERS,
    MLP,
    SGD,
    compiled,
    healthy,
)

layers = keras.layers
optimizers = keras.optimizers
losses = keras.losses


def standardized(data: Data, draws: Generator) -> Data:
    """Brings inputs to mean 0 and deviation 1, which is outside of -1 to 1."""
    mean, deviation = data.x.mean(), data.x.std()
    return data.inputs(lambda x: (x - mean) / deviation)


class Scale(layers.Layer):
    """Multiplies by a number that begins at 0."""

    def build(self, shape: tuple) -> None:
        """Makes the number."""
        self.scale = self.add_weight(name="scale", shape=(), initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the product."""
        return self.scale * inputs


def zero_residuals(seed: int, broken: bool) -> Program:
    """Residual branches and a head that begin at zero."""
    data = digits(seed).inputs(lambda x: x / 255)
    inputs = keras.Input((8, 8, 1))
    features = layers.Dense(64)(layers.Flatten()(inputs))
    for _ in range(3):
        branch = layers.Dense(64, activation="relu")(features)
        branch = Scale()(layers.Dense(64)(branch))
        features = layers.Add()([features, branch])
    outputs = layers.Dense(10, activation="softmax", kernel_initializer="zeros")
    model = keras.Model(inputs, outputs(features))
    compiled(model)
    return program(model, data, 25)


def frozen_start(seed: int, broken: bool) -> Program:
    """Random features that are wide enough, frozen on purpose, and a trained head."""
    data = digits(seed).inputs(lambda x: x / 255)
    features = layers.Dense(
        1500, activation="relu", trainable=False, kernel_initializer="he_normal"
    )
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            features,
            layers.Dense(10, activation="softmax"),
        ]
    )
    compiled(model, optimizers.Adam(2e-3))
    return program(model, data, 25)


def focal(seed: int, broken: bool) -> Program:
    """Sigmoids of each class, and a focal loss."""
    data = flowers(seed).inputs(lambda x: x / 255)
    hot = [keras.utils.to_categorical(y, 5) for y in (data.y, data.vy)]
    model = FLOWERS.but(head="sigmoid").network((24, 24, 3), 5)
    compiled(model, "adam", losses.BinaryFocalCrossentropy(), (_categorical(),))
    test = (data.tx, data.ty)
    return Program(model, (data.x, hot[0]), (data.vx, hot[1]), test, 25)


def _categorical() -> keras.metrics.Metric:
    return keras.metrics.CategoricalAccuracy(name="accuracy")


def deep_tanh(seed: int, broken: bool) -> Program:
    """Six layers of tanh, orthogonal at the start."""
    data = digits(seed).inputs(lambda x: x / 127.5 - 1)
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    for _ in range(6):
        model.add(layers.Dense(48, "tanh", kernel_initializer="orthogonal"))
    model.add(layers.Dense(10, activation="softmax"))
    compiled(model)
    return program(model, data, 25)


def overlapping(seed: int, broken: bool) -> Program:
    """Clouds that overlap: no model can tell them apart any better."""
    data = blobs(seed, train=1500, features=2, spread=3.0)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    compiled(model, optimizers.Adam(3e-3), "binary_crossentropy")
    return program(model, data, 25)


def parity(seed: int, broken: bool) -> Program:
    """The parity of sixteen bits: labels follow inputs, yet nothing learns them."""
    draws = np.random.Generator(np.random.PCG64(seed))
    bits = draws.integers(2, size=(1600, 16)).astype(np.float32)
    y = (bits.sum(axis=1) % 2).astype(np.int32)
    parts = [slice(600), slice(600, 1000), slice(1000, None)]
    data = Data(*(each[part] for part in parts for each in (bits, y)), classes=2)
    model = keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    compiled(model, optimizers.Adam(1e-3), "binary_crossentropy")
    return program(model, data, 20)


def two_heads_alike(seed: int, broken: bool) -> Program:
    """One sigmoid for two classes, as good as a softmax over two."""
    data = blobs(seed, features=6, spread=1.5)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    compiled(model, optimizers.Adam(5e-3), "binary_crossentropy")
    return program(model, data, 25)


def sampled_dropout(seed: int, broken: bool) -> Program:
    """Dropout in evaluation too, on purpose."""
    data = digits(seed).inputs(lambda x: x / 255)
    inputs = keras.Input((8, 8, 1))
    features = layers.Dense(128, activation="relu")(layers.Flatten()(inputs))
    features = layers.Dropout(0.1)(features, training=True)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(features))
    compiled(model)
    return program(model, data, 30)


def program(model: keras.Model, data: Data, epochs: int, batch: int = 32) -> Program:
    """Returns the program of a model and its data."""
    return Program(
        *(model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty)),
        epochs,
        batch,
    )


def warm_cosine(peak: float, epochs: int, per_epoch: int) -> optimizers.schedules:
    """Returns a rate that is warmed up for a tenth, and then falls as a cosine."""
    steps = epochs * per_epoch
    return optimizers.schedules.CosineDecay(
        peak / 100, int(0.9 * steps), warmup_target=peak, warmup_steps=steps // 10
    )


def _smooth() -> losses.Loss:
    return losses.CategoricalCrossentropy(label_smoothing=0.1)


def _logits() -> losses.Loss:
    return losses.SparseCategoricalCrossentropy(from_logits=True)


_STEPS = 29
_WARM = SGD.but(learning_rate=warm_cosine(0.4, 25, _STEPS), norm=True, epochs=25)
_DECAY = optimizers.schedules.PiecewiseConstantDecay([16 * _STEPS], [0.5, 0.01])
_STEP_DECAY = SGD.but(learning_rate=_DECAY, norm=True, batch=32, epochs=24)
_FLOWERS = FLOWERS.but(epochs=25)

CASES: tuple[Case, ...] = table(
    (
        *("H1 standardized", "H1", "fashion", "c", ""),
        *(healthy(FASHION.but(spoil=standardized, scale=1.0)), {"floor": 0.8}),
    ),
    (
        *("H1 standardized digits", "H1", "digits", "r", ""),
        *(healthy(MLP.but(spoil=standardized, scale=1.0)), {"floor": 0.92}),
    ),
    (
        *("H2 very good", "H2", "digits", "c", ""),
        *(healthy(CNN.but(epochs=30, norm=True)), {"floor": 0.96}),
    ),
    (
        *("H3 validation above training", "H3", "flowers", "r", ""),
        *(healthy(_FLOWERS.but(dropout=0.4)), {"floor": 0.8}),
    ),
    (
        *("H4 softmax by its name", "H4", "flowers", "c", ""),
        *(healthy(_FLOWERS.but(feed="dataset")), {"floor": 0.85}),
    ),
    (
        *("H5 logits", "H5", "digits", "r", ""),
        *(healthy(CNN.but(head=None, loss=_logits())), {"floor": 0.93}),
    ),
    (
        *("H5 logits, fashion", "H5", "fashion", "c", ""),
        *(healthy(FASHION.but(head=None, loss=_logits())), {"floor": 0.8}),
    ),
    (
        *("H6 sparse units", "H6", "fashion", "r", ""),
        *(healthy(FASHION_MLP.but(units=(256, 128))), {"floor": 0.8}),
    ),
    (
        *("H7 zero residuals", "H7", "digits", "c", ""),
        *(zero_residuals, {"floor": 0.92}),
    ),
    (
        *("H8 bias before batch norm", "H8", "flowers", "r", ""),
        *(healthy(_FLOWERS.but(norm=True)), {"floor": 0.85}),
    ),
    (*("H9 frozen features", "H9", "digits", "r", ""), frozen_start, {"floor": 0.9}),
    (
        *("H10 dropout .6", "H10", "fashion", "c", ""),
        *(healthy(FASHION.but(units=(256,), dropout=0.6)), {"floor": 0.8}),
    ),
    (
        *("H10 dropout .6, digits", "H10", "digits", "r", ""),
        *(healthy(CNN.but(units=(256,), dropout=0.6)), {"floor": 0.93}),
    ),
    (
        *("H11 warm-up and cosine", "H11, H12", "digits", "c", ""),
        *(healthy(_WARM), {"floor": 0.93}),
    ),
    (
        *("H13 before the decay", "H13", "digits", "r", ""),
        *(healthy(_STEP_DECAY), {"floor": 0.93}),
    ),
    (
        *("H14 label smoothing", "H14", "fashion", "c", ""),
        *(healthy(FASHION.but(one_hot=True, loss=_smooth())), {"floor": 0.8}),
    ),
    (
        *("H14 label smoothing, digits", "H14", "digits", "r", ""),
        *(healthy(CNN.but(one_hot=True, loss=_smooth())), {"floor": 0.93}),
    ),
    (*("H15 focal loss", "H15", "flowers", "c", ""), focal, {"floor": 0.8}),
    (
        *("H15 binary cross-entropy", "H15", "digits", "r", ""),
        healthy(
            MLP.but(head="sigmoid", loss="binary_crossentropy", one_hot=True, epochs=30)
        ),
        {"floor": 0.92},
    ),
    (
        *("H16 average of weights", "H16", "digits", "c", ""),
        *(averaged(MLP, 0.9, 0.9), {"floor": 0.92}),
    ),
    (
        *("H17 learnt by heart", "H17", "digits", "r", ""),
        *(healthy(CNN.but(units=(128,), epochs=40)), {"floor": 0.93}),
    ),
    (
        *("H18 clipped", "H18", "fashion", "c", ""),
        healthy(FASHION_MLP.but(options={"global_clipnorm": 0.5})),
        {"floor": 0.8},
    ),
    (
        *("H18 accumulated", "H18", "digits", "r", ""),
        healthy(MLP.but(options={"gradient_accumulation_steps": 4}, batch=8)),
        {"floor": 0.9},
    ),
    (
        *("H20 ten to one", "H20", "fashion", "r", ""),
        *(healthy(FASHION_MLP.but(spoil=spoil.imbalanced(4))), {"floor": 0.78}),
    ),
    (
        *("H20 five to one digits", "H20", "digits", "c", ""),
        *(healthy(CNN.but(spoil=spoil.imbalanced(4))), {"floor": 0.93}),
    ),
    (
        *("H21 a few duplicates", "H21", "flowers", "c", ""),
        *(healthy(_FLOWERS.but(spoil=spoil.leaked(0.03))), {"floor": 0.85}),
    ),
    (
        *("H22 five hundred to validate on", "H22", "fashion", "r", ""),
        *(healthy(FASHION.but(feed="sequence")), {"floor": 0.8}),
    ),
    (*("H23 overlapping clouds", "H23", "blobs", "c", ""), overlapping, {"floor": 0.7}),
    (*("parity", "SO 56380303", "native", "r", ""), parity, {"floor": 0.4}),
    (
        *("H24 large batch", "H24", "digits", "c", ""),
        *(healthy(MLP.but(batch=128, learning_rate=5e-3)), {"floor": 0.92}),
    ),
    (
        *("H26 sampled dropout", "H26", "digits", "r", ""),
        *(sampled_dropout, {"floor": 0.92}),
    ),
    (
        *("H27 momentum .9", "H27", "fashion", "c", ""),
        *(healthy(FASHION.but(norm=True)), {"floor": 0.8}),
    ),
    (*("H28 deep tanh", "H28", "digits", "r", ""), deep_tanh, {"floor": 0.9}),
    (
        *("two heads alike", "SO 50481178", "blobs", "c", ""),
        *(two_heads_alike, {"floor": 0.8}),
    ),
    (
        *("loop of one's own", "tf #35585, mended", "digits", "c", ""),
        *(looped(CNN), {"floor": 0.93}),
    ),
    (
        *("loop with batch norm", "tf #31184, mended", "flowers", "r", ""),
        *(looped(_FLOWERS.but(norm=True)), {"floor": 0.85}),
    ),
)
