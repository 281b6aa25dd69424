"""Pretrained networks of KerasHub, from presets."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np

from framework.errors import UsageError
from framework.models import by_name
from framework.models.keras_file import check_shape, refuse_code
from framework.system import atomic, paths

_POOLINGS = ("avg", "token")
# Modules whose classes a preset may name.
_MODULES = ("keras", "keras_hub")
_CONFIGS = ("config.json", "image_converter.json")


def hub(
    image_shape: tuple[int, int, int],
    num_classes: int,
    preset: str,
    head: int = 0,
    pooling: str = "avg",
    dropout: float = 0.0,
) -> keras.Model:
    """Loads a backbone and its weights with KerasHub, and adds a new head.

    If the preset has an image converter, the network takes pixels from 0 to 255 and
    scales them as the converter does. Images are not resized.

    Args:
        image_shape: Height, width and channels.
        num_classes: The number of classes.
        preset: A folder of `save_to_preset`, or a name that KerasHub downloads, such as
            "resnet_18_imagenet".
        head: The number of classes, to be checked; 0 for that of the data set.
        pooling: "avg" for the mean over positions, or "token" for the first of the
            tokens of a transformer.
        dropout: Fraction of the pooled features to drop in training.

    Returns:
        A model from images [B, height, width, channels] to logits [B, num_classes].

    Raises:
        UsageError: KerasHub is not installed, or the preset cannot be loaded or does
            not fit the data.
    """
    # Imported late: they define Keras layers, which imports TensorFlow.
    from framework.models.layers import Dropout

    if head not in (0, num_classes):
        raise UsageError(
            f"hub: head={head}, but the data set has {num_classes} classes"
        )
    if pooling not in _POOLINGS:
        raise UsageError(f"hub: pooling must be avg or token, not {pooling!r}")
    source, scaling = _backbone(preset), _scaling(preset)
    check_shape(source, f"hub: {preset}", image_shape)
    inputs = keras.Input(image_shape)
    features = _converted(source, inputs, scaling)
    if len(features.shape) == 4 and pooling == "avg":
        features = keras.layers.GlobalAveragePooling2D()(features)
    elif len(features.shape) == 3:
        is_mean = pooling == "avg"
        tokens = keras.layers.GlobalAveragePooling1D()
        features = tokens(features) if is_mean else features[:, 0]
    if len(features.shape) != 2:
        raise UsageError(
            f"hub: {preset} gives features {tuple(features.shape)}, which "
            f"pooling={pooling!r} does not make [B, F]"
        )
    features = Dropout(dropout)(features)
    logits = keras.layers.Dense(num_classes, name="head", dtype="float32")(features)
    return keras.Model(inputs, logits, name=source.name)


def has_scaling(preset: str) -> bool:
    """Returns whether a preset has an image converter, which takes pixels of 0 to 255.

    Raises:
        UsageError: KerasHub is not installed, or the preset cannot be loaded.
    """
    return _scaling(preset) is not None


def _library() -> ModuleType:
    try:
        import keras_hub
    except ImportError as problem:
        raise UsageError(
            f"hub needs KerasHub ({problem}): pip install 'whyflat[hub]'"
        ) from None
    library: ModuleType = keras_hub
    return library


def _located(preset: str) -> str:
    """Returns the folder of a preset, or its name if there is no such folder."""
    folder = Path(paths.expand(preset, "hub"))
    if not folder.is_dir():
        return preset
    for name in _CONFIGS:
        if (folder / name).is_file():
            try:
                content = json.loads(atomic.read_bytes(folder / name))
            except ValueError as problem:
                raise UsageError(f"hub: {folder / name}: {problem}") from None
            refuse_code(content, folder / name, _MODULES)
    return str(folder)


def _load(preset: str, cls: Any, **arguments: Any) -> Any:
    """Calls `from_preset`; None if the preset has no such part."""
    try:
        return cls.from_preset(_located(preset), **arguments)
    except UsageError:
        raise
    except FileNotFoundError:
        return None
    # Loading, and downloading, raise almost any exception.
    except Exception as problem:
        line = str(problem).strip().split("\n")[0]
        raise UsageError(
            f"hub: KerasHub cannot load {preset!r}, neither a folder of a preset nor "
            f"a name that it can download: {line}"
        ) from None


def _backbone(preset: str) -> keras.Model:
    """Loads the network and its weights."""
    policy = keras.config.dtype_policy().name
    arguments = {} if policy == "float32" else {"dtype": policy}
    network = _load(preset, _library().models.Backbone, **arguments)
    if network is None:
        raise UsageError(f"hub: {preset} lacks a file of a backbone, as config.json")
    inputs, outputs = len(network.inputs), len(network.outputs)
    if (inputs, outputs) != (1, 1):
        raise UsageError(
            f"hub: {preset}, a {type(network).__name__}, has {inputs} inputs and "
            f"{outputs} outputs; a classifier needs one of each"
        )
    return network


def _scaling(preset: str) -> keras.layers.Layer | None:
    """Returns the scaling of a preset's image converter; None if it has none."""
    converter = _load(preset, _library().layers.ImageConverter)
    if converter is None or converter.scale is converter.offset is None:
        return None
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    return keras.layers.Rescaling(scale, offset)


def _converted(
    source: keras.Model, inputs: keras.KerasTensor, scaling: keras.layers.Layer | None
) -> keras.KerasTensor:
    """Applies a network to inputs, with batch norm and dropout of this framework."""
    from framework.models.convert import own_layer

    replaced: dict[str, keras.layers.Layer] = {}
    types = (keras.layers.BatchNormalization, keras.layers.Dropout)
    scaled = scaling(inputs) if scaling else inputs

    def own(layer: keras.layers.Layer) -> keras.layers.Layer:
        if type(layer) not in types:
            return layer
        replaced[layer.name] = own_layer(layer)
        return replaced[layer.name]

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        args = tuple(scaled if each is inputs else each for each in args)
        return layer(*args, **kwargs)

    # A plain network: a backbone's class cannot be made anew from its layers.
    copy = keras.models.clone_model(
        keras.Model(source.inputs, source.outputs),
        input_tensors=[inputs],
        clone_function=own,
        call_function=call,
    )
    for name, layer in replaced.items():
        values = source.get_layer(name).get_weights()
        # What this framework's has more comes last: the count of updates.
        more = [np.float32(by_name.UPDATES)] * (len(layer.weights) - len(values))
        layer.set_weights([*values, *more])
    return copy.outputs[0]
