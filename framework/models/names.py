"""Names of a model's weights that do not depend on what else a process has built.

Keras numbers layers that have no name by a counter of the process: the same network has
conv2d/kernel in one program and conv2d_7/kernel in another. Here the layers of one
model are numbered from 0 on.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable

import keras

_NUMBER = re.compile(r"(.*?)(?:_(\d+))?")
# Layers of this framework, under the names of the Keras layers that they replace.
_SAME = {"batch_norm": "batch_normalization"}


@dataclasses.dataclass(frozen=True, eq=False)
class Weight:
    """A weight of a model.

    Attributes:
        name: The name of its layer and its own, such as conv2d_1/kernel.
        position: The name of its layer and its index in it, such as conv2d_1/0. Files
            of Keras have these.
        layer: The layer.
        variable: The variable.
    """

    name: str
    position: str
    layer: keras.layers.Layer
    variable: keras.Variable


def weights(model: keras.Model) -> list[Weight]:
    """Returns the weights of a model with their names, in the order of its layers.

    >>> inputs = keras.Input((4,))
    >>> model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    >>> [weight.name for weight in weights(model)]
    ['dense/kernel', 'dense/bias']
    """
    known = {id(variable) for variable in model.weights}
    owned, seen = [], set()
    for layer in _in_order(model):
        own = [*layer._trainable_variables, *layer._non_trainable_variables]
        own = [each for each in own if id(each) in known and id(each) not in seen]
        seen |= {id(each) for each in own}
        if own:
            owned.append((layer, own))
    names = numbered([layer.name for layer, _ in owned])
    return [
        Weight(f"{name}/{variable.name}", f"{name}/{index}", layer, variable)
        for name, (layer, own) in zip(names, owned, strict=True)
        for index, variable in enumerate(own)
    ]


def numbered(layers: Iterable[str]) -> list[str]:
    """Numbers the names that Keras has given to layers from 0 on.

    >>> numbered(["conv2d_7", "stem", "conv2d_9", "batch_norm_3"])
    ['conv2d', 'stem', 'conv2d_1', 'batch_normalization']
    """
    parsed = [(name, *_parse(name)) for name in layers]
    orders: dict[str, list[int]] = {}
    for _, base, number in parsed:
        orders.setdefault(base, []).append(number)
    ranks = {
        base: {number: rank for rank, number in enumerate(sorted(set(numbers)))}
        for base, numbers in orders.items()
    }
    return [
        _written(base, ranks[base][number]) if base else name
        for name, base, number in parsed
    ]


def _in_order(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns a layer and all layers in it, depth first."""
    found, seen = [], set()
    waiting = [layer]
    while waiting:
        current = waiting.pop()
        if id(current) not in seen:
            seen.add(id(current))
            found.append(current)
            waiting += reversed(current._layers)
    return found


def _parse(name: str) -> tuple[str, int]:
    """Splits a name that Keras has given; ("", 0) for any other."""
    match = _NUMBER.fullmatch(name)
    base = match[1] if match else ""
    base = _SAME.get(base, base)
    if match is None or base not in _given_names():
        return "", 0
    return base, int(match[2] or 0)


def _written(base: str, number: int) -> str:
    return f"{base}_{number}" if number else base


@functools.cache
def _given_names() -> frozenset[str]:
    """Returns the names that Keras gives to layers, without a number."""
    own = ("PooledConv2D", "ReLU", "AddReLU", "Dropout")
    return frozenset(snake_case(name) for name in (*dir(keras.layers), *own))


def snake_case(name: str) -> str:
    """Returns the name that Keras derives from that of a class.

    >>> snake_case("BatchNormalization"), snake_case("Conv2D")
    ('batch_normalization', 'conv2d')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
