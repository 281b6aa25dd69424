"""Healthy networks of the held-out half that look strange."""

from __future__ import annotations

import keras
import tensorflow as tf

layers = keras.layers


def random_waves(shape: tuple[int, ...], classes: int) -> keras.Model:
    """Random cosines that are never trained, and a head that is."""
    inputs = keras.Input(shape)
    features = layers.Dense(
        300,
        activation=tf.cos,
        trainable=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=2.0),
        bias_initializer=keras.initializers.RandomUniform(0, 6.28),
    )(inputs)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(features))


def silent_branches(shape: tuple[int, ...], classes: int) -> keras.Model:
    """Residual branches that end in a batch norm whose scale begins at zero."""
    inputs = keras.Input(shape)
    features = layers.Conv2D(16, 3, 2, padding="same", activation="relu")(inputs)
    for _ in range(2):
        branch = layers.Conv2D(16, 3, padding="same", use_bias=False)(features)
        branch = layers.BatchNormalization(momentum=0.9)(branch)
        branch = layers.ReLU()(branch)
        branch = layers.Conv2D(16, 3, padding="same", use_bias=False)(branch)
        branch = layers.BatchNormalization(gamma_initializer="zeros", momentum=0.9)(
            branch
        )
        features = layers.ReLU()(layers.Add()([features, branch]))
    features = layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(features))


def always_dropped(shape: tuple[int, ...], classes: int) -> keras.Model:
    """Dropout in evaluation too, on purpose."""
    inputs = keras.Input(shape)
    features = layers.Dense(96, activation="relu")(layers.Flatten()(inputs))
    features = layers.Dropout(0.1)(features, training=True)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(features))
