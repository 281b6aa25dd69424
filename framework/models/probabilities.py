"""Recognizes networks that return probabilities instead of logits."""

from __future__ import annotations

import keras
import numpy as np

# How far the probabilities of an image may be from a sum of 1, in half precision.
_ROUNDING = 0.01


def last_activation(model: keras.Model) -> str:
    """Returns the name of the activation at the end of a model; "" if it has none.

    Of a subclassed model this is the layer that was created last, whether or not the
    model ends in it.

    >>> layers = [keras.layers.Dense(3), keras.layers.Softmax()]
    >>> last_activation(keras.Sequential(layers))
    'softmax'

    Args:
        model: A model.
    """
    last: keras.layers.Layer | None = model
    while isinstance(last, keras.Model):
        last = last.layers[-1] if last.layers else None
    if isinstance(last, keras.layers.Softmax):
        return "softmax"
    return getattr(getattr(last, "activation", None), "__name__", "")


def returned(model: keras.Model, image_shape: tuple[int, int, int]) -> str:
    """Returns "softmax" or "sigmoid" if a model ends in it, else "".

    A softmax is recognized by its outputs, which add up to 1. A sigmoid has to be the
    activation of the last layer too, since logits may also be between 0 and 1.

    Args:
        model: A built model that maps images to one output per class.
        image_shape: Height, width and channels.
    """
    outputs = model(np.zeros((2, *image_shape), np.float32), training=False)
    values = np.asarray(keras.ops.cast(outputs, "float32"))
    if not ((values >= 0) & (values <= 1)).all():
        return ""
    if (abs(values.sum(axis=1) - 1) < _ROUNDING).all():
        return "softmax"
    return "sigmoid" if last_activation(model) == "sigmoid" else ""
