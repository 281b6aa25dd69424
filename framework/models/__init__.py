"""The networks that a `--model` spec can name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from framework.config import reference, spec
from framework.errors import UsageError
from framework.models import probabilities
from framework.models.applications import applications
from framework.models.cnn import cnn
from framework.models.efficientnet_lite import efficientnet_lite
from framework.models.hub import has_scaling, hub
from framework.models.keras_file import expected_pixels, keras_file
from framework.models.mlp import mlp
from framework.models.resnet import resnet
from framework.models.vit import vit

# Each takes the image shape, the number of classes, and the arguments of the spec, and
# returns a Keras model from images to logits.
MODELS: dict[str, Callable[..., keras.Model]] = {
    "cnn": cnn,
    "mlp": mlp,
    "resnet": resnet,
    "efficientnet_lite": efficientnet_lite,
    "vit": vit,
    "applications": applications,
    "keras_file": keras_file,
    "hub": hub,
}
# Builds a network from the shape of an image and the number of classes.
ModelFunction = Callable[[tuple[int, int, int], int], "keras.Model"]
# The arguments that name a file, or a folder.
_FILES = {"applications": "weights", "keras_file": "path", "hub": "preset"}


def build(text: str, files: Mapping[str, Path] | None = None) -> ModelFunction:
    """Returns a function (image shape, number of classes) -> model for a spec.

    >>> build("mlp(units=(7,))")((4, 4, 3), 5).count_params()
    383

    Args:
        text: A member of `MODELS` with its arguments, or `module:function(...)`, a
            function that takes the image shape and the number of classes first.
        files: The files to read instead of those that the spec names, by the text in
            the spec.

    Raises:
        UsageError: The spec is wrong; the message marks the place.
    """
    call, function, arguments = _parse(text)
    name = _FILES.get(call.name, "")
    if files and arguments.get(name) in files:
        arguments = {**arguments, name: str(files[arguments[name]])}
    if ":" in call.name:
        name = f"--model: {call.name}"
        return functools.partial(reference.call, function, name, **arguments)
    return functools.partial(_build_member, function, arguments)


def _parse(text: str) -> tuple[spec.Call, Callable[..., Any], dict[str, Any]]:
    """Returns the call of a spec, its function and its arguments by name."""
    call = spec.single(text)
    function = spec.look_up(call, MODELS, "model")
    is_builder = spec.takes(function, 2)
    spec.require(call, is_builder, "a function of (image_shape, num_classes, ...)")
    return call, function, spec.arguments(call, function, given=2)


def file(text: str) -> str:
    """Returns the file, or preset, that a spec names; "" if it names none.

    >>> file("keras_file('net.keras', head=5)")
    'net.keras'

    Raises:
        UsageError: The spec is wrong.
    """
    call = spec.single(text)
    if call.name not in _FILES:
        return ""
    _, _, arguments = _parse(text)
    return arguments.get(_FILES[call.name]) or ""


def executes(text: str) -> str:
    """Returns the file whose code a spec permits to execute; "" if there is none.

    >>> executes("keras_file('net.keras', trust=True)")
    'net.keras'

    Raises:
        UsageError: The spec is wrong.
    """
    call = spec.single(text)
    if call.name != "keras_file" or not _parse(text)[2].get("trust"):
        return ""
    return file(text)


def normalization(text: str, files: Mapping[str, Path]) -> str:
    """Returns the `--normalize` spec that a network with its own scaling expects.

    Args:
        text: The spec of the network.
        files: As in `build`.

    Returns:
        "raw" for pixels from 0 to 255, or "unit" for 0 to 1; "" if the network has no
        scaling of its own.

    Raises:
        UsageError: The spec is wrong, or its file cannot be read.
    """
    name = spec.single(text).name
    if name in ("applications", "efficientnet_lite"):
        return "raw"
    if name not in ("keras_file", "hub"):
        return ""
    path = file(text)
    if name == "hub":
        return "raw" if has_scaling(str(files.get(path, path))) else ""
    return expected_pixels(files.get(path, Path(path)))


def _build_member(
    function: Callable[..., keras.Model],
    arguments: Mapping[str, Any],
    image_shape: tuple[int, int, int],
    num_classes: int,
) -> keras.Model:
    """Builds a member of `MODELS`; reports Keras's errors as wrong arguments."""
    try:
        return function(image_shape, num_classes, **arguments)
    except ValueError as problem:
        raise UsageError(f"--model: {problem}") from None


def check(
    model: keras.Model, image_shape: tuple[int, int, int], num_classes: int
) -> None:
    """Checks that a model fits the data, and numbers its Dropout layers.

    Args:
        model: The model; it is built if it has not been.
        image_shape: Height, width and channels.
        num_classes: The number of classes.

    Raises:
        UsageError: It does not map images to one logit for each class, or has no
            trainable weights.
    """
    # Imported late: it defines Keras layers, which imports TensorFlow.
    from framework.models import layers

    if not isinstance(model, keras.Model):
        raise UsageError(f"the model must be a keras.Model, not {_type_name(model)}")
    try:
        # A call also builds subclassed models, whose shapes Keras cannot infer.
        output = model(np.zeros((2, *image_shape), np.float32), training=False)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        raise UsageError(
            f"the model cannot take images of {image_shape}: "
            f"{reference.summary(problem)}"
        ) from problem
    if not hasattr(output, "shape"):
        raise UsageError(f"the model must return a tensor, not {_type_name(output)}")
    if tuple(output.shape) != (2, num_classes):
        raise UsageError(
            f"the model must return {num_classes} logits per image, not "
            f"{tuple(output.shape)[1:]}; end it with Dense({num_classes})"
        )
    if "float" not in keras.backend.standardize_dtype(output.dtype):
        raise UsageError(f"the model must return floats, not {output.dtype}")
    if not model.trainable_weights:
        raise UsageError(
            "the model has no trainable weights; set trainable=True on its layers"
        )
    layers.number_dropout_streams(model)


def require_shardable(model: keras.Model) -> None:
    """Checks that a model computes shards of a batch independently.

    Args:
        model: A built model.

    Raises:
        UsageError: A layer changes its state in training, in the order of the shards.
    """
    from framework.models.layers import BatchNorm

    names = []
    for layer in model._flatten_layers(include_self=False):
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        is_own = isinstance(layer, BatchNorm) and not layer.renorm
        # Keras's own draws follow one another, whatever the example's position.
        draws = bool(layer._seed_generators)
        is_spectral = isinstance(layer, keras.layers.SpectralNormalization)
        if (is_norm and layer.trainable and not is_own) or draws or is_spectral:
            names.append(f"{layer.name} ({type(layer).__name__})")
    if names:
        raise UsageError(
            f"--shards: the state of {', '.join(names)} would depend on the order of "
            f"the shards; use Dropout and batch_norm of framework.models.layers"
        )


def _type_name(value: object) -> str:
    """Describes the type of a value, for messages."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return "None" if value is None else f"a {type(value).__name__}"


def notices(model: keras.Model, replicas: int) -> list[str]:
    """Returns notices about probable mistakes in a model, one line each.

    Args:
        model: A built model.
        replicas: The number of devices.
    """
    lines = []
    activation = probabilities.last_activation(model)
    if activation in ("softmax", "sigmoid"):
        lines.append(f"the model ends in a {activation}; it should return logits")
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
            lines.append(
                f"Keras's {', '.join(names)} differ between devices; "
                f"framework.models.layers has Dropout and batch_norm that do not"
            )
    return lines


__all__ = [
    "MODELS",
    "ModelFunction",
    "build",
    "check",
    "executes",
    "file",
    "normalization",
    "notices",
    "require_shardable",
]
