"""Tests of framework/models/keras_file.py and convert.py."""

import keras
import numpy as np
import pytest

from framework import models
from framework.errors import UsageError
from framework.models import layers as own
from framework.models.keras_file import expected_pixels

SHAPE, CLASSES = (8, 8, 1), 5
L = keras.layers


def body(*, first=None):
    inputs = keras.Input(SHAPE)
    features = first(inputs) if first else inputs
    features = L.Conv2D(3, 3, name="stem")(features)
    features = L.ReLU()(L.BatchNormalization()(features))
    return inputs, L.Dropout(0.3)(L.GlobalAveragePooling2D()(features))


def ends(kind):
    """Returns a network with one of several ends."""
    inputs, features = body()
    if kind == "softmax in Dense":
        outputs = L.Dense(CLASSES, activation="softmax")(features)
    elif kind == "Softmax layer":
        outputs = L.Softmax()(L.Dense(CLASSES)(features))
    elif kind == "Activation layer":
        outputs = L.Activation("softmax")(L.Dense(CLASSES)(features))
    elif kind == "logits":
        outputs = L.Dense(CLASSES)(features)
    elif kind == "features":
        outputs = features
    elif kind == "sequential":
        return keras.Sequential(
            [keras.Input(SHAPE), L.Flatten(), L.Dense(CLASSES, activation="softmax")]
        )
    elif kind == "nested":
        inner = keras.Model(inputs, features, name="inner")
        inputs = keras.Input(SHAPE)
        outputs = L.Dense(CLASSES)(inner(inputs))
    return keras.Model(inputs, outputs)


def saved(tmp_path, model):
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(generator.uniform(0.1, 1, weight.shape))
    model.save(tmp_path / "net.keras")
    return f"keras_file({str(tmp_path / 'net.keras')!r}"


def images(count=4):
    return np.random.default_rng(1).uniform(0, 1, (count, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize(
    "kind",
    [
        "softmax in Dense",
        "Softmax layer",
        "Activation layer",
        "logits",
        "sequential",
        "nested",
    ],
)
def test_it_gives_the_logits_of_the_saved_network(tmp_path, kind):
    source = ends(kind)
    model = models.build(saved(tmp_path, source) + ")")(SHAPE, CLASSES)
    models.check(model, SHAPE, CLASSES)
    expected, logits = np.asarray(source(images())), np.asarray(model(images()))
    if kind in ("logits", "nested"):
        np.testing.assert_allclose(logits, expected, rtol=1e-5)
    else:
        assert not np.allclose(logits.sum(axis=1), 1)
        np.testing.assert_allclose(keras.ops.softmax(logits), expected, rtol=1e-5)
    assert not models.notices(model, replicas=2), "layers that differ between devices"


@pytest.mark.parametrize(
    ("kind", "arguments", "classes"),
    [
        ("softmax in Dense", "", 3),
        ("softmax in Dense", f", head={CLASSES}", CLASSES),
        ("features", "", 3),
        ("sequential", "", 3),
    ],
)
def test_a_new_head(tmp_path, kind, arguments, classes):
    source = ends(kind)
    model = models.build(saved(tmp_path, source) + arguments + ")")(SHAPE, classes)
    assert model.layers[-1].name == "head"
    assert model.output_shape == (None, classes)
    assert not np.any(model.layers[-1].bias.numpy()), "new"
    if kind == "sequential":
        return
    norm = next(each for each in model.layers if isinstance(each, own.BatchNorm))
    before = next(each for each in source.layers if "batch_norm" in each.name)
    np.testing.assert_array_equal(norm.moving_mean, before.moving_mean)
    np.testing.assert_array_equal(
        model.get_layer("stem").kernel, source.get_layer("stem").kernel
    )


def test_code_is_executed_for_trusted_files_only(tmp_path):
    inputs, features = body(first=L.Lambda(lambda pixels: pixels * 2.0))
    text = saved(tmp_path, keras.Model(inputs, L.Dense(CLASSES)(features)))
    with pytest.raises(UsageError, match=r"contains code: Lambda; if .* trust=True"):
        models.build(text + ")")(SHAPE, CLASSES)
    models.build(text + ", trust=True)")(SHAPE, CLASSES)
    assert models.executes(text + ", trust=True)") == str(tmp_path / "net.keras")
    assert models.executes(text + ")") == ""


@pytest.mark.parametrize(
    ("kind", "arguments", "shape", "message"),
    [
        ("logits", "", (9, 8, 1), "takes images of 8x8x1, and those .* are 9x8x1"),
        ("logits", "", (8, 8, 3), "channels=3"),
        ("logits", ", head=4", SHAPE, "head=4, but the data set has 5 classes"),
        ("wrapped", "", SHAPE, "ends in .*, a Functional layer, not in a Dense"),
        ("relu", "", SHAPE, "has the activation relu, so it gives no logits"),
        ("hidden", "", SHAPE, "returns probabilities; save it without its softmax"),
    ],
)
def test_networks_that_do_not_fit(tmp_path, kind, arguments, shape, message):
    if kind == "wrapped":
        inputs = keras.Input(SHAPE)
        source = keras.Model(inputs, ends("softmax in Dense")(inputs))
    elif kind in ("relu", "hidden"):
        inputs, features = body()
        outputs = L.Dense(CLASSES, activation=kind if kind == "relu" else None)(
            features
        )
        if kind == "hidden":
            outputs = L.Softmax()(outputs)
            outputs = L.Dense(CLASSES, kernel_initializer="identity", trainable=False)(
                outputs
            )
        source = keras.Model(inputs, outputs)
    else:
        source = ends(kind)
    text = saved(tmp_path, source)
    if kind == "hidden":
        source.layers[-1].kernel.assign(np.eye(CLASSES))
        source.layers[-1].bias.assign(np.zeros(CLASSES))
        source.save(tmp_path / "net.keras")
    with pytest.raises(UsageError, match=message):
        models.build(text + arguments + ")")(shape, CLASSES)


def test_files_that_are_none(tmp_path):
    (tmp_path / "x.keras").write_bytes(b"x")
    for name in ("x.keras", "nothing.keras", "x.h5"):
        with pytest.raises(UsageError, match=name):
            models.build(f"keras_file({str(tmp_path / name)!r})")(SHAPE, CLASSES)


@pytest.mark.parametrize(
    ("first", "pixels"),
    [
        (L.Rescaling(1 / 255), "raw"),
        (L.Rescaling(1 / 127.5, offset=-1), "raw"),
        (L.Rescaling(2.0, offset=-1), "unit"),
        (L.Normalization(mean=0.5, variance=0.1), "unit"),
        (L.Normalization(mean=127.0, variance=3000.0), "raw"),
        (None, ""),
    ],
)
def test_its_own_scaling_determines_the_pixels(tmp_path, first, pixels):
    inputs, features = body(first=first)
    saved(tmp_path, keras.Model(inputs, features))
    assert expected_pixels(tmp_path / "net.keras") == pixels
