"""Healthy programs that look strange."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from benchmarks.zoo.cases.case import Program
from benchmarks.zoo.cases.data import Data, blobs, digits, flowers
from benchmarks.zoo.cases.recipe import FLOWERS, compiled

layers = keras.layers
losses = keras.losses
optimizers = keras.optimizers


class Scale(layers.Layer):
    """Multiplies by a number that begins at 0."""

    def build(self, shape: tuple) -> None:
        """Creates the number, a trainable weight."""
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
    return Program(model, (data.x, hot[0]), (data.vx, hot[1]), test, 60)


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


def sigmoids_with_cross_entropy(seed: int, broken: bool) -> Program:
    """Sigmoids trained as if they were a softmax: Keras divides by their sum."""
    data = blobs(seed, train=150, classes=3, features=4, spread=1.2)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(10, activation="tanh"),
            layers.Dense(3, activation="sigmoid"),
        ]
    )
    compiled(model, optimizers.SGD(0.2))
    return program(model, data, 120)


def program(model: keras.Model, data: Data, epochs: int, batch: int = 32) -> Program:
    """Returns the program of a model and its data."""
    return Program(
        model,
        (data.x, data.y),
        (data.vx, data.vy),
        (data.tx, data.ty),
        epochs,
        batch,
    )
