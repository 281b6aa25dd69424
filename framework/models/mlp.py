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
    """Dense layers with ReLU over the flattened image.

    Args:
        image_shape: Height, width and channels.
        num_classes: How many classes.
        units: Of each hidden layer; none for a linear classifier.
        dropout: Share of each layer's units dropped in training.

    Returns:
        A model from images [B, height, width, channels] to logits [B, num_classes].
    """
    # Defines Keras layers, which TensorFlow must be imported for.
    from framework.models.layers import Dropout

    inputs = keras.Input(image_shape)
    features = keras.layers.Flatten()(inputs)
    for count in units:
        features = keras.layers.Dense(count, activation="relu")(features)
        features = Dropout(dropout)(features)
    logits = keras.layers.Dense(num_classes, dtype="float32")(features)
    return keras.Model(inputs, logits, name="mlp")
