"""Networks: what a `--model` spec can name."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from framework import spec
from framework.errors import UsageError
from framework.models.cnn import cnn
from framework.models.mlp import mlp
from framework.models.resnet import resnet

# From the shape of an image and the number of classes, and what the spec says, to a
# Keras model that returns logits.
MODELS: dict[str, Callable[..., keras.Model]] = {
    "cnn": cnn,
    "mlp": mlp,
    "resnet": resnet,
}

# `package.module:function`, before its arguments.
_REFERENCE = re.compile(r"\s*([\w.]+):(\w+)")


def build(text: str) -> Callable[[tuple[int, int, int], int], keras.Model]:
    """Returns the function (image shape, number of classes) -> model of a spec.

    Args:
        text: A member of `MODELS` with its arguments, or `module:function(...)`.

    Raises:
        UsageError: The spec is wrong; the place is marked.
    """
    table = MODELS
    reference = _REFERENCE.match(text)
    if reference:
        table = {reference[2]: _imported(reference[1], reference[2])}
        text = text[reference.start(2) :]
    call = spec.single(text)
    function = spec.look_up(call, table, "model")
    arguments = spec.arguments(call, function, given=2)
    if reference:
        return functools.partial(function, **arguments)
    return functools.partial(_own, function, arguments)


def _own(
    function: Callable[..., keras.Model],
    arguments: Mapping[str, Any],
    image_shape: tuple[int, int, int],
    num_classes: int,
) -> keras.Model:
    """Makes a model of the table, for whose values Keras has the best words."""
    try:
        return function(image_shape, num_classes, **arguments)
    except ValueError as problem:
        raise UsageError(f"--model: {problem}") from None


def check(
    model: keras.Model, image_shape: tuple[int, int, int], num_classes: int
) -> None:
    """Refuses a model that does not fit the data, and readies the draws of the others.

    Raises:
        UsageError: It does not map such images to one logit a class.
    """
    # Defines Keras layers, which TensorFlow must be imported for.
    from framework.models import layers

    if not isinstance(model, keras.Model):
        raise UsageError(f"the model must be a keras.Model, not {model!r}")
    try:
        # A call builds a subclassed model as well, of which Keras knows no shapes.
        output = model(np.zeros((2, *image_shape), np.float32), training=False).shape
    except Exception as problem:
        raise UsageError(
            f"the model cannot take images of {image_shape}: {problem}"
        ) from None
    if tuple(output) != (2, num_classes):
        raise UsageError(
            f"the model must return {num_classes} logits an image, not {output[1:]}"
        )
    layers.number_dropouts(model)


def remarks(model: keras.Model, replicas: int) -> list[str]:
    """Returns what the user of a model should know, in a line each."""
    found = []
    last = model.layers[-1] if model.layers else None
    activation = getattr(getattr(last, "activation", None), "__name__", "")
    if activation in ("softmax", "sigmoid") or type(last).__name__ == "Softmax":
        found.append("the model ends in a softmax; it should return logits")
    if replicas > 1:
        names = [
            layer.name
            for layer in model._flatten_layers(include_self=False)
            if type(layer) in (keras.layers.Dropout, keras.layers.SpatialDropout2D)
            or (
                isinstance(layer, keras.layers.BatchNormalization)
                and not layer.synchronized
            )
        ]
        if names:
            found.append(
                f"{', '.join(names)} of Keras differ between devices; "
                f"framework.models.layers has Dropout and batch_norm that do not"
            )
    return found


def _imported(module: str, name: str) -> Callable[..., keras.Model]:
    try:
        function = getattr(importlib.import_module(module), name)
    except ImportError as problem:
        raise UsageError(f"the model's module {module!r}: {problem}") from None
    except AttributeError:
        raise UsageError(f"module {module!r} has no function {name!r}") from None
    if not (inspect.isfunction(function) or inspect.isclass(function)):
        raise UsageError(
            f"{module}:{name} must be a function of image_shape and num_classes"
        )
    return function


__all__ = ["MODELS", "build", "check", "remarks"]
