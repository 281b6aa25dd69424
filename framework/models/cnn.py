"""Plain convolutional networks."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from framework.errors import UsageError


def cnn(
    image_shape: tuple[int, int, int],
    num_classes: int,
    filters: Sequence[int] = (32, 64),
    dense: int = 128,
    dropout: float = 0.0,
    padding: str = "valid",
) -> keras.Model:
    """Builds 3x3 convolutions with ReLU and 2x2 max-pooling, then a dense layer.

    >>> cnn((28, 28, 1), 10, filters=(8,), dense=16).count_params()
    21898

    Args:
        image_shape: Height, width and channels.
        num_classes: The number of classes.
        filters: The number of filters of each convolution.
        dense: Units of the dense layer.
        dropout: Fraction of these units to drop in training.
        padding: "valid", or "same" for small images.

    Returns:
        A model from images [B, height, width, channels] to logits [B, num_classes].

    Raises:
        UsageError: The images are too small for the convolutions.
    """
    # Imported late: they define Keras layers, which imports TensorFlow.
    from framework.models.layers import Dropout
    from framework.models.pooled import PooledConv2D

    _check_size(image_shape, len(filters), padding)
    inputs = features = keras.Input(image_shape)
    for count in filters:
        features = PooledConv2D(count, 3, padding=padding)(features)
    features = keras.layers.Flatten()(features)
    features = keras.layers.Dense(dense, activation="relu")(features)
    features = Dropout(dropout)(features)
    logits = keras.layers.Dense(num_classes, dtype="float32")(features)
    return keras.Model(inputs, logits, name="cnn")


def _check_size(
    image_shape: tuple[int, int, int], convolutions: int, padding: str
) -> None:
    if padding not in ("valid", "same"):
        raise UsageError(f"padding must be valid or same, not {padding!r}")
    size = min(image_shape[:2])
    for _ in range(convolutions):
        size = (size if padding == "same" else size - 2) // 2
        if size < 1:
            raise UsageError(
                f"images of {image_shape[0]}x{image_shape[1]} are too small for "
                f"{convolutions} convolutions with padding={padding!r}; use "
                f"padding='same' or fewer filters"
            )
