"""Tests of framework/launch/exported.py."""

import dataclasses
import sys
import types

import keras
import numpy as np
import pytest

from framework import models
from framework.augment.normalize import Normalizer, Rescale, Samplewise
from framework.errors import RunError, UsageError
from framework.launch import exported
from framework.launch.trained import Trained


def network(seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6, 6, 3))
    features = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    features = keras.layers.GlobalAveragePooling2D()(features)
    model = keras.Model(inputs, keras.layers.Dense(3)(features))
    scaling = Normalizer([Rescale(1 / 255)], [{}])
    return Trained(model, scaling, (6, 6, 3), np.dtype(np.uint8), ("a", "b", "c"), 1)


@pytest.mark.extended
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("savedmodel", "model"),
        ("litert", "model.tflite"),
        ("keras", "model.keras"),
        ("onnx", "model.onnx"),
    ],
)
def test_another_process_gives_the_same_probabilities(tmp_path, kind, name):
    if kind == "onnx":
        pytest.importorskip("tf2onnx")
        pytest.importorskip("onnxruntime")
    path, trained = tmp_path / name, network()
    exported.write(trained, path, kind)
    assert exported.compare(trained, path, kind) < 1e-5
    with pytest.raises(RunError, match=r"differ by .* from those of the run; do not"):
        exported.compare(network(seed=1), path, kind)


@pytest.mark.extended
@pytest.mark.parametrize("kind", ["savedmodel", "litert", "keras", "onnx"])
@pytest.mark.parametrize(
    "spec",
    ["resnet(depth=8)", "vit(width=12, depth=1)"],
)
def test_own_layers_can_be_exported(tmp_path, kind, spec):
    if kind == "onnx":
        pytest.importorskip("tf2onnx")
        pytest.importorskip("onnxruntime")
    keras.utils.set_random_seed(0)
    model = models.build(spec)((32, 32, 3), 3)
    trained = dataclasses.replace(network(), model=model, image_shape=(32, 32, 3))
    path = tmp_path / f"model{'.keras' if kind == 'keras' else ''}"
    exported.write(trained, path, kind)
    assert exported.compare(trained, path, kind) < 1e-5


def test_keras_cannot_have_every_network(tmp_path):
    with pytest.raises(UsageError, match=r"must end in \.keras, not model"):
        exported.write(network(), tmp_path / "model", "keras")
    trained = dataclasses.replace(network(), normalize=Normalizer([Samplewise()], [{}]))
    with pytest.raises(UsageError, match="no layer for the normalization 'samplewise'"):
        exported.write(trained, tmp_path / "model.keras", "keras")
    assert not any(tmp_path.iterdir())


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", types.ModuleType("onnxruntime"))
    with pytest.raises(UsageError, match=r"needs tf2onnx: pip install 'whyflat\[onnx"):
        exported.write(network(), tmp_path / "model.onnx", "onnx")


@pytest.mark.extended
def test_what_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "model").write_bytes(b"no model")
    with pytest.raises(RunError, match="cannot be read in a fresh process"):
        exported.compare(network(), tmp_path / "model", "litert")
