"""A network in Keras's own layers, for programs that do not have this package."""

from __future__ import annotations

from typing import Any

import keras

from framework.errors import UsageError
from framework.models.layers import BatchNorm, Dropout
from framework.models.pooled import PooledConv2D
from framework.models.relu import AddReLU, ReLU
from framework.models.swish import Swish


def plain(model: keras.Model) -> keras.Model:
    """Returns a model of Keras's own layers with the same weights and outputs.

    Layers of the user's own stay.

    >>> model = keras.Sequential([keras.Input((4,)), Dropout(0.5)])
    >>> type(plain(model).layers[-1]).__module__.split(".")[0]
    'keras'

    Args:
        model: A functional or sequential model.

    Raises:
        UsageError: The model is subclassed.
    """
    if not isinstance(model, keras.Sequential) and type(model) is not _FUNCTIONAL:
        raise UsageError(
            f"a model of the class {type(model).__name__} needs its own code to be "
            f"loaded by Keras; use --to=savedmodel"
        )
    copy = keras.models.clone_model(model, clone_function=_in_keras)
    for layer in model.layers:
        values = layer.get_weights()
        if values:
            # What a layer of this package has more comes last: the count of updates.
            own = copy.get_layer(layer.name)
            own.set_weights(values[: len(own.get_weights())])
    return copy


_FUNCTIONAL = type(keras.Model(_INPUT := keras.Input((1,)), _INPUT))


def _in_keras(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Returns a new layer of Keras with the function of one of this package."""
    config = layer.get_config()
    if isinstance(layer, Dropout):
        return keras.layers.Dropout(layer.rate, name=layer.name)
    if isinstance(layer, BatchNorm):
        config.pop("debias")
        return keras.layers.BatchNormalization(**{**config, "synchronized": False})
    if isinstance(layer, ReLU):
        return keras.layers.ReLU.from_config(config)
    if isinstance(layer, Swish):
        return keras.layers.Activation.from_config(config)
    if isinstance(layer, AddReLU):
        return _add_relu(layer)
    if isinstance(layer, PooledConv2D):
        return _pooled(layer, config)
    return layer.__class__.from_config(config)


def _pooled(layer: PooledConv2D, config: dict[str, Any]) -> keras.Model:
    inputs = keras.Input(layer.input.shape[1:])
    outputs = keras.layers.Conv2D.from_config({**config, "name": None})(inputs)
    outputs = keras.layers.MaxPooling2D(2)(outputs)
    return keras.Model(inputs, outputs, name=layer.name)


def _add_relu(layer: AddReLU) -> keras.Model:
    """Returns a model of two inputs, with the rectified sum as both outputs."""
    inputs = [keras.Input(each.shape[1:]) for each in layer.input]
    total = keras.layers.ReLU()(keras.layers.Add()(inputs))
    return keras.Model(inputs, [total, keras.layers.Identity()(total)], name=layer.name)
