"""Networks: what a `--model` spec can name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from framework.config import reference, spec
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


def build(text: str) -> Callable[[tuple[int, int, int], int], keras.Model]:
    """Returns the function (image shape, number of classes) -> model of a spec.

    Args:
        text: A member of `MODELS` with its arguments, or `module:function(...)`, where
            the function takes the shape and the number as well, before its own.

    Raises:
        UsageError: The spec is wrong; the place is marked.
    """
    call = spec.single(text)
    function = spec.look_up(call, MODELS, "model")
    fits = spec.takes(function, 2)
    spec.require(call, fits, "a function of (image_shape, num_classes, ...)")
    arguments = spec.arguments(call, function, given=2)
    if ":" in call.name:
        name = f"--model: {call.name}"
        return functools.partial(reference.call, function, name, **arguments)
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
        UsageError: It does not map such images to one logit a class, or has no
            weights to train.
    """
    # Defines Keras layers, which TensorFlow must be imported for.
    from framework.models import layers

    if not isinstance(model, keras.Model):
        raise UsageError(f"the model must be a keras.Model, not {_kind(model)}")
    try:
        # A call builds a subclassed model as well, of which Keras knows no shapes.
        output = model(np.zeros((2, *image_shape), np.float32), training=False)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        raise UsageError(
            f"the model cannot take images of {image_shape}: "
            f"{reference.summary(problem)}"
        ) from problem
    if not hasattr(output, "shape"):
        raise UsageError(f"the model must return a tensor, not {_kind(output)}")
    if tuple(output.shape) != (2, num_classes):
        raise UsageError(
            f"the model must return {num_classes} logits an image, not "
            f"{tuple(output.shape)[1:]}"
        )
    if "float" not in keras.backend.standardize_dtype(output.dtype):
        raise UsageError(f"the model must return floats, not {output.dtype}")
    if not model.trainable_weights:
        raise UsageError("the model has no trainable weights; is it frozen?")
    layers.number_dropouts(model)


def _kind(value: object) -> str:
    """Returns what a value is, in a few words."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return "None" if value is None else f"a {type(value).__name__}"


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


__all__ = ["MODELS", "build", "check", "remarks"]
