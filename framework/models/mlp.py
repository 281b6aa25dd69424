"""Fully connected networks."""

from __future__ import annotations

from collections.abc import Sequence

import keras


def mlp(
    image_shape: tuple[int, int, int],
    num_classes: int,
    units: Sequence[int] = (128,),
    dropout: float = 0.0,
) -> keras.Model:
    """Builds dense layers with ReLU over the flattened image.

    >>> mlp((4, 4, 3), 5, units=(7,)).count_params()
    383

    Args:
        image_shape: Height, width and channels.
        num_classes: The number of classes.
        units: Units of each hidden layer; empty for a linear classifier.
        dropout: Fraction of each layer's units to drop in training.

    Returns:
        A model from images [B, height, width, channels] to logits [B, num_classes].
    """
    # Imported late: they define Keras layers, which imports TensorFlow.
    from framework.models.layers import Dropout

    inputs = keras.Input(image_shape)
    features = keras.layers.Flatten()(inputs)
    for count in units:
        features = keras.layers.Dense(count, activation="relu")(features)
        features = Dropout(dropout)(features)
    logits = keras.layers.Dense(num_classes, dtype="float32")(features)
    return keras.Model(inputs, logits, name="mlp")
