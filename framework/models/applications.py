"""Networks of `keras.applications`, with the preprocessing of their weights."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from framework.errors import UsageError
from framework.models import by_name, weight_files
from framework.system import paths

# Preprocessing of pixels from 0 to 255, by the modes of `keras.applications`: "tf" to
# -1 to 1, "torch" to the mean and standard deviation of ImageNet, "caffe" to BGR minus
# the mean, and "own" for networks that contain it. By prefix; the longest decides.
_MODES = {
    "ConvNeXt": "own",
    "DenseNet": "torch",
    "EfficientNet": "own",
    "InceptionResNetV2": "tf",
    "InceptionV3": "tf",
    "MobileNet": "tf",
    "MobileNetV2": "tf",
    "MobileNetV3": "own",
    "NASNet": "tf",
    "ResNet": "caffe",
    "ResNet50V2": "tf",
    "ResNet101V2": "tf",
    "ResNet152V2": "tf",
    "VGG": "caffe",
    "Xception": "tf",
}
# Of ImageNet, in RGB.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE_MEAN = (103.939, 116.779, 123.68)


def applications(
    image_shape: tuple[int, int, int],
    num_classes: int,
    name: str,
    weights: str | None = None,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a network of `keras.applications` with average pooling and a new head.

    It takes pixels from 0 to 255 and scales them as its weights expect. Nothing is
    downloaded.

    Args:
        image_shape: Height, width and channels; 3 channels.
        num_classes: The number of classes.
        name: Such as "MobileNetV2".
        weights: A file of weights, with or without the classifier of ImageNet: .h5 of
            `keras.applications`, .weights.h5, .keras, .npz or .safetensors. None for
            random weights.
        dropout: Fraction of the pooled features to drop in training.

    Returns:
        A model from images [B, height, width, 3] to logits [B, num_classes].

    Raises:
        UsageError: The name is unknown, the images do not fit, or the file is missing
            or lacks weights of the network.
    """
    # Imported late: they define Keras layers, which imports TensorFlow.
    from framework.models.convert import converted
    from framework.models.layers import Dropout

    function = _function(name)
    if image_shape[2] != 3:
        raise UsageError(
            f"applications({name!r}) takes images of 3 channels, not "
            f"{image_shape[2]}; use --dataset='folder(..., channels=3)'"
        )
    values, is_channels_first = None, False
    if weights is not None:
        file = Path(paths.expand(weights, "applications(weights=)"))
        if not file.is_file():
            raise UsageError(
                f"applications(weights={weights!r}): there is no such file; download "
                f"the weights of {name} first, or use weights=None"
            )
        values = weight_files.read(file)
        is_channels_first = weight_files.is_channels_first(file)
    inputs = keras.Input(image_shape)
    network = function(
        include_top=False,
        weights=None,
        input_tensor=_preprocessed(inputs, mode(name)),
        pooling="avg",
    )
    features = network.output
    if values is not None and name.startswith("EfficientNetB"):
        features = _with_second_scaling(network, inputs)
    features = Dropout(dropout)(features)
    logits = keras.layers.Dense(num_classes, name="head", dtype="float32")(features)
    model = keras.Model(inputs, logits, name=name.lower())
    model = converted(model, image_shape, num_classes, head=False)
    if values is not None:
        match = by_name.assign(model, values, is_channels_first)
        left = [*match.missing, *(each for each, *_ in match.shapes)]
        left = [each for each in left if not each.startswith("head/")]
        if left:
            raise UsageError(
                f"applications(weights={weights!r}) lacks {len(left)} weights of "
                f"{name}: {by_name.listed(left)}"
            )
    return model


def mode(name: str) -> str:
    """Returns the preprocessing of a network: "tf", "torch", "caffe" or "own".

    >>> mode("MobileNetV2"), mode("ResNet50"), mode("ResNet50V2")
    ('tf', 'caffe', 'tf')
    """
    return _MODES[max((key for key in _MODES if name.startswith(key)), key=len)]


def _function(name: str) -> Callable[..., Any]:
    """Returns the function of `keras.applications` that builds a network."""
    home, prefixes = keras.applications, tuple(_MODES)
    known = [each for each in dir(home) if each.startswith(prefixes)]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known
        raise UsageError(
            f"keras.applications has no network {name!r}; did you mean "
            f"{', '.join(near)}?"
        )
    return getattr(keras.applications, name)


def _preprocessed(images: keras.KerasTensor, mode: str) -> keras.KerasTensor:
    """Scales pixels from 0 to 255; the formulas are those of `preprocess_input`."""
    if mode == "tf":
        return keras.layers.Rescaling(1 / 127.5, offset=-1.0)(images)
    if mode == "torch":
        scale = [1 / (255 * std) for std in _STD]
        offset = [-mean / std for mean, std in zip(_MEAN, _STD, strict=True)]
        return keras.layers.Rescaling(scale, offset=offset)(images)
    if mode == "caffe":
        offset = [-mean for mean in _CAFFE_MEAN]
        return keras.layers.Rescaling(1.0, offset=offset)(images[..., ::-1])
    return images


def _with_second_scaling(
    network: keras.Model, inputs: keras.KerasTensor
) -> keras.KerasTensor:
    """Divides by the root of the standard deviation once more.

    Keras does so after the Normalization of EfficientNetB0 to B7 where it downloads
    weights itself: these were trained with the variance in its place.
    """

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        outputs = layer(*args, **kwargs)
        if isinstance(layer, keras.layers.Normalization):
            scale = [1 / math.sqrt(std) for std in _STD]
            outputs = keras.layers.Rescaling(scale)(outputs)
        return outputs

    copy = keras.models.clone_model(
        network,
        input_tensors=[inputs],
        clone_function=lambda layer: layer,
        call_function=call,
    )
    return copy.outputs[0]
