"""Tests of framework/models/applications.py."""

import importlib

import keras
import numpy as np
import pytest

from framework import models
from framework.errors import UsageError
from framework.models.applications import _preprocessed, mode

# The module of `keras.applications` that has a network's `preprocess_input`.
MODULES = {
    "ConvNeXtTiny": "convnext",
    "DenseNet121": "densenet",
    "EfficientNetB0": "efficientnet",
    "EfficientNetV2B0": "efficientnet_v2",
    "InceptionResNetV2": "inception_resnet_v2",
    "InceptionV3": "inception_v3",
    "MobileNet": "mobilenet",
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3Small": "mobilenet_v3",
    "NASNetMobile": "nasnet",
    "ResNet50": "resnet",
    "ResNet101V2": "resnet_v2",
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "Xception": "xception",
}


def images(size=32):
    shape = (3, size, size, 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)


@pytest.mark.parametrize("name", MODULES)
def test_pixels_are_prepared_as_keras_does(name):
    module = importlib.import_module(f"keras.applications.{MODULES[name]}")
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, _preprocessed(inputs, mode(name)))
    expected = module.preprocess_input(images(4).copy())
    np.testing.assert_allclose(model(images(4)), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        ("'MobileNetV9'", (32, 32, 3), "no network 'MobileNetV9'; did you mean Mobile"),
        ("'MobileNetV2'", (32, 32, 1), "3 channels, not 1"),
        (
            "'MobileNetV2', 'no.h5'",
            (32, 32, 3),
            r"weights='no\.h5'\): there is no such",
        ),
    ],
)
def test_what_cannot_be_built(text, shape, message):
    with pytest.raises(UsageError, match=message):
        models.build(f"applications({text})")(shape, 5)


@pytest.mark.extended
@pytest.mark.parametrize("suffix", [".weights.h5", ".h5", ".keras"])
def test_weights_with_the_classifier_of_imagenet(tmp_path, suffix):
    whole = keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3))
    generator = np.random.default_rng(1)
    for weight in whole.weights:
        weight.assign(generator.uniform(0.0, 0.3, weight.shape))
    path = tmp_path / f"m{suffix}"
    (whole.save_weights if "weights" in suffix else whole.save)(path)
    text = f"applications('MobileNetV2', weights={str(path)!r})"
    model = models.build(text)((32, 32, 3), 5)
    models.check(model, (32, 32, 3), 5)
    features = keras.Model(model.input, model.layers[-3].output)(images())
    last = keras.Model(whole.input, whole.layers[-2].output)
    np.testing.assert_allclose(features, last(images() / 127.5 - 1), rtol=1e-3)
    with pytest.raises(UsageError, match=r"lacks .* weights of MobileNet:"):
        models.build(text.replace("V2", ""))((32, 32, 3), 5)


@pytest.mark.extended
def test_efficientnet_is_scaled_as_where_keras_downloads_the_weights(tmp_path):
    """The division by the root of the deviation is in that network alone."""
    plain = keras.applications.EfficientNetB0(weights=None, input_shape=(32, 32, 3))
    plain.save_weights(tmp_path / "e.weights.h5")
    path = str(tmp_path / "e.weights.h5")
    text = f"applications('EfficientNetB0', weights={path!r})"
    model = models.build(text)((32, 32, 3), 5)
    stem = keras.Model(model.input, model.get_layer("stem_conv_pad").input)
    expected = images() / 255 / np.sqrt([0.229, 0.224, 0.225])
    np.testing.assert_allclose(stem(images()), expected, rtol=1e-4)
