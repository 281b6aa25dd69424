"""The order of flattened feature maps, which differs between PyTorch and Keras.

PyTorch flattens [channels, height, width], Keras [height, width, channels]: a dense
layer after a Flatten has the same rows in another order.
"""

from __future__ import annotations

import keras
import numpy as np

from framework.errors import UsageError
from framework.models import names

# Operations that keep each feature in its place, of Keras and of this package.
_ELEMENTWISE = frozenset(
    [
        "Activation",
        "AlphaDropout",
        "BatchNorm",
        "BatchNormalization",
        "Dropout",
        "ELU",
        "Elu",
        "GaussianDropout",
        "GaussianNoise",
        "Gelu",
        "Identity",
        "LayerNormalization",
        "LeakyRelu",
        "LeakyReLU",
        "PReLU",
        "ReLU",
        "Relu",
        "Rescaling",
        "Sigmoid",
        "Silu",
        "Tanh",
    ]
)
_FLATTEN = frozenset(["Flatten", "Reshape"])
# What makes channels, height and width of height, width and channels.
_CHANNELS_FIRST = (3, 1, 2)


def from_channels_first(weight: names.Weight, value: np.ndarray) -> np.ndarray:
    """Reorders a weight of PyTorch for inputs that Keras has flattened.

    >>> inputs = keras.Input((2, 1, 3))
    >>> outputs = keras.layers.Dense(1)(keras.layers.Flatten()(inputs))
    >>> kernel = names.weights(keras.Model(inputs, outputs))[0]
    >>> rows = np.array([[0], [1], [10], [11], [20], [21]])
    >>> from_channels_first(kernel, rows).ravel().tolist()
    [0, 10, 20, 1, 11, 21]

    Args:
        weight: The weight to set.
        value: Its value in PyTorch: a kernel [features, units], or the factors of a
            normalization [features].

    Returns:
        The value with the rows in Keras's order if the layer's inputs are flattened
        feature maps, else the value as it is.

    Raises:
        UsageError: The order of the inputs cannot be seen in the network.
    """
    if value.shape != tuple(weight.variable.shape) or not _has_rows(weight):
        return value
    problem = "the network is no graph of layers"
    nodes = weight.layer._inbound_nodes
    try:
        shapes = {_map_shape(node.input_tensors[0]) for node in nodes}
    except _UnknownOrderError as error:
        shapes, problem = set(), str(error)
    if len(shapes) != 1:
        raise UsageError(
            f"{weight.name} of PyTorch cannot be set: PyTorch flattens channels first, "
            f"Keras last, and the order of its {value.shape[0]} inputs is unknown "
            f"({problem}); use one Flatten before the dense layer, in a functional "
            f"network, or save the weights in Keras's order, as .npz"
        )
    shape = shapes.pop()
    if shape is None:
        return value
    height, width, channels = shape
    order = np.arange(len(value)).reshape(channels, height, width).transpose(1, 2, 0)
    return value[order.ravel()]


class _UnknownOrderError(Exception):
    """The order of features cannot be seen in the network."""


def _has_rows(weight: names.Weight) -> bool:
    """Returns whether the first axis of a weight counts the inputs of its layer."""
    axes = len(weight.variable.shape)
    if isinstance(weight.layer, keras.layers.Dense):
        return axes == 2
    return axes == 1 and type(weight.layer).__name__ in _ELEMENTWISE


def _map_shape(features: keras.KerasTensor) -> tuple[int, int, int] | None:
    """Returns height, width and channels of the maps that features [B, F] come from.

    None if PyTorch has the features in the same order.
    """
    if len(features.shape) != 2:
        return None
    operation, node, index = features._keras_history
    if isinstance(operation, keras.Model):
        return _map_shape(operation.outputs[index])
    inputs = operation._inbound_nodes[node].input_tensors
    name = type(operation).__name__
    if isinstance(operation, keras.layers.Dense):
        return None
    if not inputs:
        raise _UnknownOrderError(f"it begins at the input {operation.name}")
    if len(inputs) == 1 and name in _ELEMENTWISE:
        return _map_shape(inputs[0])
    if len(inputs) == 1 and name in _FLATTEN:
        return _before_flatten(operation, inputs[0])
    is_mixed = all(
        _map_shape(each) is None
        if len(each.shape) == 2
        # As of pooling: one number a channel.
        else each.shape[-1] == features.shape[-1]
        for each in inputs
    )
    if not is_mixed:
        raise _UnknownOrderError(f"it is an output of {operation.name}, a {name}")
    return None


def _before_flatten(
    operation: keras.Operation, maps: keras.KerasTensor
) -> tuple[int, int, int] | None:
    """Returns the shape of the map that a Flatten takes; None if it is PyTorch's."""
    if len(maps.shape) == 2:
        return _map_shape(maps)
    before = maps._keras_history.operation
    if type(before).__name__ == "Permute" and before.dims == _CHANNELS_FIRST:
        return None
    is_last = getattr(operation, "data_format", "channels_last") == "channels_last"
    if len(maps.shape) != 4 or None in maps.shape[1:] or not is_last:
        raise _UnknownOrderError(f"{operation.name} flattens {tuple(maps.shape[1:])}")
    height, width, channels = maps.shape[1:]
    return height, width, channels
