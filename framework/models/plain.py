"""A network in Keras's own layers, for programs that do not have this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from framework.errors import UsageError
from framework.models.layers import BatchNorm, Dropout
from framework.models.pooled import PooledConv2D
from framework.models.relu import AddReLU, ReLU
from framework.models.swish import Swish
from framework.models.transformer import GELU, LayerNorm, Positions, SelfAttention

_Form = Callable[[Any], keras.layers.Layer]


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
    pairs: list[tuple[keras.layers.Layer, keras.layers.Layer]] = []

    def in_keras(layer: keras.layers.Layer) -> keras.layers.Layer:
        pairs.append((layer, _in_keras(layer)))
        return pairs[-1][1]

    copy = keras.models.clone_model(model, clone_function=in_keras, recursive=True)
    for layer, new in pairs:
        if isinstance(layer, SelfAttention):
            new.set_weights(_weights_of_attention(layer))
        elif values := layer.get_weights():
            # What a layer of this package has more comes last: the count of updates.
            new.set_weights(values[: len(new.get_weights())])
    return copy


_FUNCTIONAL = type(keras.Model(_INPUT := keras.Input((1,)), _INPUT))


def _in_keras(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Returns a new layer of Keras with the function of one of this package."""
    form = FORMS.get(
        type(layer), lambda layer: type(layer).from_config(layer.get_config())
    )
    return form(layer)


def _like(keras_class: type[keras.layers.Layer]) -> _Form:
    """Returns a form with the config of the layer."""
    return lambda layer: keras_class.from_config(layer.get_config())


def _batch_norm(layer: BatchNorm) -> keras.layers.Layer:
    config = {**layer.get_config(), "synchronized": False}
    del config["debias"]
    return keras.layers.BatchNormalization.from_config(config)


def _pooled(layer: PooledConv2D) -> keras.Model:
    inputs = keras.Input(layer.input.shape[1:])
    config = {**layer.get_config(), "name": None}
    outputs = keras.layers.Conv2D.from_config(config)(inputs)
    outputs = keras.layers.MaxPooling2D(2)(outputs)
    return keras.Model(inputs, outputs, name=layer.name)


def _add_relu(layer: AddReLU) -> keras.Model:
    """Returns a model of two inputs, with the rectified sum as both outputs."""
    inputs = [keras.Input(each.shape[1:]) for each in layer.input]
    total = keras.layers.ReLU()(keras.layers.Add()(inputs))
    return keras.Model(inputs, [total, keras.layers.Identity()(total)], name=layer.name)


def _positions(layer: Positions) -> keras.Model:
    """Returns a model that adds a vector to each token, from a table of vectors."""
    inputs = keras.Input(layer.input.shape[1:])
    tokens, width = inputs.shape[1:]
    ones = keras.ops.ones_like(inputs[:, :, 0], dtype="int32")
    indices = keras.ops.cumsum(ones, axis=1) - 1
    table = keras.layers.Embedding(tokens, width)(indices)
    return keras.Model(inputs, keras.layers.Add()([inputs, table]), name=layer.name)


def _attention(layer: SelfAttention) -> keras.Model:
    inputs = keras.Input(layer.input.shape[1:])
    size = inputs.shape[-1] // layer.heads
    outputs = keras.layers.MultiHeadAttention(layer.heads, size)(inputs, inputs)
    return keras.Model(inputs, outputs, name=layer.name)


def _weights_of_attention(layer: SelfAttention) -> list[np.ndarray]:
    """Returns kernels and biases of queries, keys, values and outputs, as Keras's."""
    kernel, bias, outer, outer_bias = layer.get_weights()
    width = len(kernel)
    heads = (layer.heads, width // layer.heads)
    kernels = kernel.reshape(width, 3, *heads)
    biases = bias.reshape(3, *heads)
    inner = [
        each[index] for index in range(3) for each in (kernels.swapaxes(0, 1), biases)
    ]
    return [*inner, outer.reshape(*heads, width), outer_bias]


# A layer of Keras for each of this package; its name and its weights are the same.
FORMS: dict[type[keras.layers.Layer], _Form] = {
    AddReLU: _add_relu,
    BatchNorm: _batch_norm,
    Dropout: lambda layer: keras.layers.Dropout(layer.rate, name=layer.name),
    GELU: lambda layer: keras.layers.Activation("gelu", name=layer.name),
    LayerNorm: _like(keras.layers.LayerNormalization),
    PooledConv2D: _pooled,
    Positions: _positions,
    ReLU: _like(keras.layers.ReLU),
    SelfAttention: _attention,
    Swish: _like(keras.layers.Activation),
}
