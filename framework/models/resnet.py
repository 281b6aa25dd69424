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
    """Builds the CIFAR-10 networks of He et al. (2015), section 4.2: 6n + 2 layers.

    >>> resnet((32, 32, 3), 10, depth=8).count_params()
    78723

    Args:
        image_shape: Height, width and channels.
        num_classes: The number of classes.
        depth: The number of layers: 8, 14, 20, 32, 44, 56...
        width: Filters in the first of three stages; each stage doubles them.

    Returns:
        A model from images [B, height, width, channels] to logits [B, num_classes].

    Raises:
        UsageError: The depth is not 6n + 2.
    """
    # Imported late: they define Keras layers, which imports TensorFlow.
    from framework.models.layers import batch_norm
    from framework.models.relu import AddReLU, ReLU

    if depth < 8 or (depth - 2) % 6:
        raise UsageError(f"depth must be 6n + 2, such as 8, 14 or 20, not {depth}")

    def convolve(
        features: keras.KerasTensor, filters: int, size: int = 3, stride: int = 1
    ) -> keras.KerasTensor:
        features = keras.layers.Conv2D(
            filters,
            size,
            stride,
            "same",
            use_bias=False,
            kernel_initializer="he_normal",
        )(features)
        return batch_norm()(features)

    def block(
        features: keras.KerasTensor,
        shortcut: keras.KerasTensor,
        filters: int,
        stride: int,
    ) -> list[keras.KerasTensor]:
        residual = ReLU()(convolve(features, filters, stride=stride))
        residual = convolve(residual, filters)
        if shortcut.shape[-1] != filters:
            shortcut = convolve(shortcut, filters, 1, stride)
        return AddReLU()([shortcut, residual])

    inputs = keras.Input(image_shape)
    features = shortcut = ReLU()(convolve(inputs, width))
    for stage in range(3):
        for index in range((depth - 2) // 6):
            stride = 2 if stage and not index else 1
            features, shortcut = block(features, shortcut, width * 2**stage, stride)
    features = keras.layers.GlobalAveragePooling2D()(features)
    logits = keras.layers.Dense(num_classes, dtype="float32")(features)
    return keras.Model(inputs, logits, name="resnet")
