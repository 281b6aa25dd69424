"""Networks of the held-out half: each function returns a model builder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

layers = keras.layers
Net = Callable[[tuple[int, ...], int], keras.Model]


def _new(initializer: Any) -> Any:
    """Returns a new initializer for each layer: one object draws the same for all."""
    return initializer() if callable(initializer) else initializer


def _norm(kind: str, momentum: float) -> list[keras.layers.Layer]:
    if kind == "batch":
        return [layers.BatchNormalization(momentum=momentum)]
    return [layers.LayerNormalization()] if kind == "layer" else []


def dense(
    units: Sequence[int] = (48, 48),
    activation: str = "relu",
    head: Any = "softmax",
    init: Any = "he_normal",
    bias: Any = "zeros",
    norm: str = "",
    momentum: float = 0.9,
    dropout: float = 0.0,
    l2: float = 0.0,
) -> Net:
    """Dense layers."""

    def make(shape: tuple[int, ...], classes: int) -> keras.Model:
        model = keras.Sequential([keras.Input(shape)])
        if len(shape) > 1:
            model.add(layers.Flatten())
        for count in units:
            options = {"kernel_initializer": _new(init), "bias_initializer": _new(bias)}
            weights = keras.regularizers.L2(l2) if l2 else None
            model.add(layers.Dense(count, kernel_regularizer=weights, **options))
            for layer in _norm(norm, momentum):
                model.add(layer)
            model.add(layers.Activation(activation))
            if dropout:
                model.add(layers.Dropout(dropout))
        model.add(layers.Dense(classes, head, kernel_initializer=_new(init)))
        return model

    return make


def separable(
    filters: Sequence[int] = (24, 48),
    head: Any = "softmax",
    norm: str = "batch",
    momentum: float = 0.9,
    dropout: float = 0.0,
    activation: str = "relu",
    trainable: bool = True,
    init: Any = "he_normal",
) -> Net:
    """A convolution, then separable ones, and the mean over all places."""

    def make(shape: tuple[int, ...], classes: int) -> keras.Model:
        inputs = keras.Input(shape)
        features = inputs
        for depth, count in enumerate(filters):
            kind = layers.SeparableConv2D if depth else layers.Conv2D
            names = ("depthwise_", "pointwise_") if depth else ("kernel_",)
            drawn = {f"{name}initializer": _new(init) for name in names}
            layer = kind(count, 3, padding="same", **drawn)
            layer.trainable = trainable
            features = layer(features)
            for each in _norm(norm, momentum):
                features = each(features)
            features = layers.Activation(activation)(features)
            features = layers.MaxPooling2D()(features)
        features = layers.GlobalAveragePooling2D()(features)
        if dropout:
            features = layers.Dropout(dropout)(features)
        return keras.Model(inputs, layers.Dense(classes, head)(features))

    return make


def strided(
    filters: Sequence[int] = (16, 32),
    units: int = 48,
    head: Any = "softmax",
    activation: str = "relu",
    norm: str = "",
    dropout: float = 0.0,
    init: Any = "he_normal",
    bias: Any = "zeros",
    l2: float = 0.0,
) -> Net:
    """Convolutions with a stride in place of pooling, then a dense layer."""

    def make(shape: tuple[int, ...], classes: int) -> keras.Model:
        weights = keras.regularizers.L2(l2) if l2 else None
        model = keras.Sequential([keras.Input(shape)])
        for count in filters:
            options = {"kernel_initializer": _new(init), "bias_initializer": _new(bias)}
            model.add(layers.Conv2D(count, 3, 2, kernel_regularizer=weights, **options))
            for layer in _norm(norm, 0.9):
                model.add(layer)
            model.add(layers.Activation(activation))
        model.add(layers.Flatten())
        if dropout:
            model.add(layers.Dropout(dropout))
        model.add(layers.Dense(units, activation, kernel_regularizer=weights))
        model.add(layers.Dense(classes, head))
        return model

    return make


def residual(
    width: int = 16, blocks: int = 2, norm: str = "batch", momentum: float = 0.9
) -> Net:
    """Residual blocks between a stem with stride and the mean over all places."""

    def make(shape: tuple[int, ...], classes: int) -> keras.Model:
        inputs = keras.Input(shape)
        features = layers.Conv2D(width, 3, 2, padding="same")(inputs)
        for _ in range(blocks):
            branch = features
            for _ in range(2):
                for each in _norm(norm, momentum):
                    branch = each(branch)
                branch = layers.ReLU()(branch)
                branch = layers.Conv2D(width, 3, padding="same", use_bias=not norm)(
                    branch
                )
            features = layers.Add()([features, branch])
        features = layers.GlobalAveragePooling2D()(layers.ReLU()(features))
        return keras.Model(inputs, layers.Dense(classes, "softmax")(features))

    return make


def signal(
    filters: Sequence[int] = (16, 32),
    head: Any = "softmax",
    activation: str = "relu",
    norm: str = "",
    momentum: float = 0.9,
    dropout: float = 0.0,
    init: Any = "glorot_uniform",
    bias: Any = "zeros",
    frozen: bool = False,
) -> Net:
    """Convolutions along time, and the largest value over it."""

    def make(shape: tuple[int, ...], classes: int) -> keras.Model:
        model = keras.Sequential([keras.Input(shape)])
        for count in filters:
            options = {"kernel_initializer": _new(init), "bias_initializer": _new(bias)}
            layer = layers.Conv1D(count, 5, padding="same", **options)
            layer.trainable = not frozen
            model.add(layer)
            for each in _norm(norm, momentum):
                model.add(each)
            model.add(layers.Activation(activation))
            model.add(layers.MaxPooling1D(2))
        model.add(layers.GlobalMaxPooling1D())
        if dropout:
            model.add(layers.Dropout(dropout))
        model.add(layers.Dense(classes, head))
        return model

    return make


def words(dimension: int = 16, dropout: float = 0.0, frozen: bool = False) -> Net:
    """The mean of what stands for each word."""

    def make(shape: tuple[int, ...], classes: int) -> keras.Model:
        model = keras.Sequential(
            [
                keras.Input(shape),
                layers.Embedding(300, dimension, trainable=not frozen),
                layers.GlobalAveragePooling1D(),
                layers.Dense(24, activation="relu"),
            ]
        )
        if dropout:
            model.add(layers.Dropout(dropout))
        model.add(layers.Dense(classes, activation="softmax"))
        return model

    return make
