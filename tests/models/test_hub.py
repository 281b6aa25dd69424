"""Tests of framework/models/hub.py; most need KerasHub, an optional package."""

import importlib.util
import json

import keras
import numpy as np
import pytest

from framework import models
from framework.errors import UsageError
from framework.models import layers as own

SHAPE, CLASSES = (16, 16, 3), 5
HAS_HUB = importlib.util.find_spec("keras_hub") is not None
needs_hub = pytest.mark.skipif(not HAS_HUB, reason="needs KerasHub")
# Its imports warn of other libraries.
pytestmark = pytest.mark.filterwarnings("ignore")
CONVERTER = {"scale": 1 / 255, "offset": [-0.5, -0.4, -0.3]}


def images():
    return np.random.default_rng(1).uniform(0, 255, (3, *SHAPE)).astype(np.float32)


@pytest.fixture(scope="module")
def residual(tmp_path_factory):
    """Returns a small backbone and the folders of two presets, one with a converter."""
    import keras_hub

    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 16],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(None, None, 3),
    )
    generator = np.random.default_rng(0)
    for weight in backbone.weights:
        weight.assign(generator.uniform(0.01, 0.1, weight.shape))
    bare, scaled = (tmp_path_factory.mktemp(name) for name in ("bare", "scaled"))
    backbone.save_to_preset(bare)
    backbone.save_to_preset(scaled)
    keras_hub.layers.ResNetImageConverter(**CONVERTER).save_to_preset(scaled)
    return backbone, bare, scaled


def features_of(model):
    """Returns the inputs of the head."""
    return keras.Model(model.input, model.get_layer("head").input)(images())


@needs_hub
def test_a_backbone_has_its_weights_and_a_new_head(residual):
    backbone, bare, _ = residual
    text = f"hub({str(bare)!r}, head=5)"
    model = models.build(text)(SHAPE, CLASSES)
    models.check(model, SHAPE, CLASSES)
    expected = np.asarray(backbone(images())).mean(axis=(1, 2))
    np.testing.assert_allclose(features_of(model), expected, rtol=1e-4)
    assert not np.any(model.get_layer("head").bias.numpy())
    assert models.notices(model, replicas=2) == []
    norm = next(each for each in model.layers if isinstance(each, own.BatchNorm))
    assert float(norm.updates) == 1e6, "the stored moments have Keras's weight"
    assert models.normalization(text, {}) == ""


@needs_hub
def test_an_image_converter_scales_the_pixels(residual):
    backbone, _, scaled = residual
    text = f"hub({str(scaled)!r})"
    assert models.normalization(text, {}) == "raw"
    model = models.build(text)(SHAPE, CLASSES)
    pixels = images() * CONVERTER["scale"] + CONVERTER["offset"]
    expected = np.asarray(backbone(pixels)).mean(axis=(1, 2))
    np.testing.assert_allclose(features_of(model), expected, rtol=1e-3)


@needs_hub
def test_a_copy_of_the_preset_is_read(residual, tmp_path):
    _, bare, _ = residual
    text = "hub('elsewhere')"
    models.build(text, {"elsewhere": bare})(SHAPE, CLASSES)
    assert models.normalization(text, {"elsewhere": bare}) == ""
    assert models.file(text) == "elsewhere"


@needs_hub
@pytest.mark.parametrize("pooling", ["avg", "token"])
def test_tokens_of_a_transformer(tmp_path, pooling):
    import keras_hub

    backbone = keras_hub.models.ViTBackbone(
        image_shape=SHAPE,
        patch_size=8,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        mlp_dim=16,
    )
    backbone.save_to_preset(tmp_path)
    text = f"hub({str(tmp_path)!r}, pooling={pooling!r})"
    model = models.build(text)(SHAPE, CLASSES)
    models.check(model, SHAPE, CLASSES)
    tokens = np.asarray(backbone(images()))
    expected = tokens.mean(axis=1) if pooling == "avg" else tokens[:, 0]
    np.testing.assert_allclose(features_of(model), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(UsageError, match=r"takes images of 16x16x3, .* are 24x24x3"):
        models.build(text)((24, 24, 3), CLASSES)


@needs_hub
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (", head=4", "head=4, but the data set has 5 classes"),
        (", pooling='max'", "pooling must be avg or token, not 'max'"),
        (", pooling='token'", r"features \(None, \d, \d, 16\), which pooling='token'"),
    ],
)
def test_arguments_that_do_not_fit(residual, arguments, message):
    with pytest.raises(UsageError, match=message):
        models.build(f"hub({str(residual[1])!r}{arguments})")(SHAPE, CLASSES)


@needs_hub
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"module": "os", "class_name": "system", "config": {}}, "contains code: sys"),
        ("{", r"config\.json: "),
        (None, "cannot load|lacks a file"),
    ],
)
def test_folders_that_are_no_presets(tmp_path, content, message):
    if content is not None:
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        models.build(f"hub({str(tmp_path)!r})")(SHAPE, CLASSES)


@pytest.mark.skipif(HAS_HUB, reason="KerasHub is installed")
def test_without_kerashub_the_extra_is_named(tmp_path):
    text = f"hub({str(tmp_path)!r})"
    for use in (
        lambda: models.build(text)(SHAPE, CLASSES),
        lambda: models.normalization(text, {}),
    ):
        with pytest.raises(UsageError, match=r"pip install 'whyflat\[hub\]'"):
            use()
