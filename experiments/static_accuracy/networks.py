"""Networks with injected faults, for the experiments in this folder."""

from __future__ import annotations

import keras


def slow_statistics(
    image_shape: tuple[int, int, int], num_classes: int, momentum: float
) -> keras.Model:
    """Builds a small network whose batch norm has the given momentum.

    Args:
        image_shape: Height, width and channels.
        num_classes: The number of classes.
        momentum: Momentum of the moving statistics, such as 0.999 for slow updates.
    """
    # Imported here, because it defines Keras layers and so imports TensorFlow.
    from framework.models.layers import batch_norm

    inputs = features = keras.Input(image_shape)
    for count in (16, 32):
        features = keras.layers.Conv2D(count, 3, use_bias=False)(features)
        features = batch_norm(momentum=momentum)(features)
        features = keras.layers.ReLU()(features)
        features = keras.layers.MaxPooling2D(2)(features)
    features = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, keras.layers.Dense(num_classes)(features))


def frozen(
    image_shape: tuple[int, int, int], num_classes: int, trainable: bool = False
) -> keras.Model:
    """Builds a small network with frozen convolutions.

    Args:
        image_shape: Height, width and channels.
        num_classes: The number of classes.
        trainable: Whether the convolutions are trained after all.
    """
    inputs = features = keras.Input(image_shape)
    for count in (16, 24):
        convolve = keras.layers.Conv2D(count, 3, activation="relu", trainable=trainable)
        features = keras.layers.MaxPooling2D(2)(convolve(features))
    features = keras.layers.GlobalMaxPooling2D()(features)
    return keras.Model(inputs, keras.layers.Dense(num_classes)(features))


def constant(
    image_shape: tuple[int, int, int], num_classes: int, value: float = 0.0
) -> keras.Model:
    """Builds a network of two hidden layers with constant initial weights.

    Args:
        image_shape: Height, width and channels.
        num_classes: The number of classes.
        value: The initial value of all kernels; 0 for random values.
    """
    kind = keras.initializers.Constant(value) if value else "glorot_uniform"
    inputs = keras.Input(image_shape)
    features = keras.layers.Flatten()(inputs)
    for count in (64, 64):
        features = keras.layers.Dense(
            count, activation="relu", kernel_initializer=kind
        )(features)
    logits = keras.layers.Dense(num_classes, kernel_initializer=kind)(features)
    return keras.Model(inputs, logits)
