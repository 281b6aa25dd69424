"""Draws the initial weights of a Keras model anew, by its own initializers."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from framework.diagnose.programs.model_layers import leaves

_SUFFIX = "_initializer"
# Each layer has a seed of its own, and no model has more layers; likewise for the
# weights of a layer.
_LAYERS, _WEIGHTS = 10_000, 10
# Mean and standard deviation of fresh weights are within this many standard errors of
# those of another draw.
_ERRORS = 5.0


def redraw(model: keras.Model, seed: int) -> int:
    """Draws the weights of the layers that are at their initialization anew.

    Others are kept: those that were trained before, or set to certain values. A layer
    is at its initialization if what its initializers give without chance, such as
    biases of 0, is there, and if the others have the moments of another draw.

    Args:
        model: Built; is changed in place.
        seed: Of the draws; the same one gives the same weights.

    Returns:
        The number of weights that were drawn.
    """
    layers = [(layer, _initialized(layer)) for layer in leaves(model)]
    layers = [(layer, names) for layer, names in layers if names]
    fresh = [_is_fresh(layer, names) for layer, names in layers]
    if not all(fresh):
        # A layer without biases cannot tell whether it was trained; then others do.
        fresh = [
            each and any(_is_constant(layer, name) for name in names)
            for each, (layer, names) in zip(fresh, layers, strict=True)
        ]
    count = 0
    for place, ((layer, names), is_drawn) in enumerate(zip(layers, fresh, strict=True)):
        for number, name in enumerate(names if is_drawn else ()):
            values = _drawn(layer, name, (seed * _LAYERS + place) * _WEIGHTS + number)
            getattr(layer, name).assign(values)
            count += 0 if _is_constant(layer, name) else values.size
    return count


def advance_generators(model: keras.Model, draw: int) -> None:
    """Makes layers draw other numbers, such as those of dropout.

    Args:
        model: Is changed in place.
        draw: Each gives others.
    """
    for variable in model.variables:
        if variable.path.endswith("seed_generator_state"):
            variable.assign(variable.numpy() + np.array([draw, 0], np.uint32))


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds what Keras draws for new layers and initializers without a seed.

    Keras takes their seeds from Python's own generator, whose state is restored.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def _initialized(layer: keras.layers.Layer) -> list[str]:
    """Returns the weights of a layer that have an initializer, in alphabetical order.

    A weight `kernel` has it in the attribute `kernel_initializer`, as all of Keras.
    """
    names = [name.removesuffix(_SUFFIX) for name in dir(layer) if _SUFFIX in name]
    return [
        name
        for name in names
        if isinstance(getattr(layer, name, None), keras.Variable)
        and isinstance(_initializer(layer, name), keras.initializers.Initializer)
    ]


def _initializer(layer: keras.layers.Layer, name: str) -> Any:
    return getattr(layer, f"{name}{_SUFFIX}", None)


def _is_constant(layer: keras.layers.Layer, name: str) -> bool:
    """Returns whether an initializer draws nothing, such as zeros."""
    return "seed" not in _initializer(layer, name).get_config()


def _drawn(layer: keras.layers.Layer, name: str, seed: int) -> np.ndarray:
    """Returns the initial values that an initializer draws with a seed."""
    own = _initializer(layer, name)
    config = own.get_config()
    if "seed" in config:
        own = type(own).from_config({**config, "seed": seed % 2**31})
    variable = getattr(layer, name)
    make: Callable[..., Any] = own
    return np.asarray(make(tuple(variable.shape), dtype=variable.dtype))


def _is_fresh(layer: keras.layers.Layer, names: list[str]) -> bool:
    for name in names:
        present, other = getattr(layer, name).numpy(), _drawn(layer, name, 0)
        if _is_constant(layer, name):
            if not np.array_equal(present, other):
                return False
        elif not _are_alike(present, other):
            return False
    return True


def _are_alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Returns whether two draws have the same mean and standard deviation."""
    deviation, count = float(other.std()), other.size
    # Each of both draws has an error of its own.
    error = _ERRORS * math.sqrt(2 / count) * deviation
    same_mean = abs(float(one.mean() - other.mean())) <= error
    return same_mean and abs(float(one.std()) - deviation) <= error
