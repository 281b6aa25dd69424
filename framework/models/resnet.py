"""Residual networks for small images."""

from __future__ import annotations

import keras

from framework.errors import UsageError


def resnet(
    image_shape: tuple[int, int, int],
    num_classes: int,
    depth: int = 20,
    width: int = 16,
) -> keras.Model:
    """The CIFAR-10 networks of He et al. (2015), section 4.2: 6n + 2 layers.

    Args:
        image_shape: Height, width and channels.
        num_classes: How many classes.
        depth: How many layers: 8, 14, 20, 32, 44, 56...
        width: Filters of the first of three stages; each has twice the one before.

    Returns:
        A model from images [B, height, width, channels] to logits [B, num_classes].

    Raises:
        UsageError: There is no such depth.
    """
    # Defines Keras layers, which TensorFlow must be imported for.
    from framework.models.layers import batch_norm
    from framework.models.relu import AddReLU, ReLU

    if depth < 8 or (depth - 2) % 6:
        raise UsageError(f"depth must be 8, 14, 20 or so on by 6, not {depth}")

    def convolve(features, filters: int, size: int = 3, stride: int = 1):
        features = keras.layers.Conv2D(
            filters,
            size,
            stride,
            "same",
            use_bias=False,
            kernel_initializer="he_normal",
        )(features)
        return batch_norm()(features)

    def block(features, around, filters: int, stride: int):
        inner = ReLU()(convolve(features, filters, stride=stride))
        inner = convolve(inner, filters)
        if around.shape[-1] != filters:
            around = convolve(around, filters, 1, stride)
        return AddReLU()([around, inner])

    inputs = keras.Input(image_shape)
    features = around = ReLU()(convolve(inputs, width))
    for stage in range(3):
        for index in range((depth - 2) // 6):
            stride = 2 if stage and not index else 1
            features, around = block(features, around, width * 2**stage, stride)
    features = keras.layers.GlobalAveragePooling2D()(features)
    logits = keras.layers.Dense(num_classes, dtype="float32")(features)
    return keras.Model(inputs, logits, name="resnet")
