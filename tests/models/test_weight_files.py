"""Tests of framework/models/weight_files.py and by_name.py."""

import json

import keras
import numpy as np
import pytest

from framework.errors import RunError, UsageError
from framework.models import by_name, names, weight_files
from framework.models.layers import batch_norm


def net(classes=4, norm=keras.layers.BatchNormalization):
    inputs = keras.Input((8, 8, 3))
    features = norm()(keras.layers.Conv2D(2, 3, name="stem")(inputs))
    features = keras.layers.Conv2D(2, 3)(features)
    features = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, keras.layers.Dense(classes)(features))


@pytest.fixture(scope="module")
def model():
    model = net()
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(generator.uniform(0.1, 1, weight.shape))
    return model


def values_of(model):
    return {w.name: w.variable.numpy() for w in names.weights(model)}


def write_safetensors(path, values, dtype=np.float32):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, value in values.items():
        content = value.astype(dtype).tobytes()
        header[name] = {
            "dtype": {2: "F16", 4: "F32", 8: "F64"}[np.dtype(dtype).itemsize],
            "shape": list(value.shape),
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def save(model, path):
    if path.suffix == ".npz":
        np.savez(path, **values_of(model))
    elif path.suffix == ".safetensors":
        write_safetensors(path, values_of(model))
    elif path.name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        model.save(path)


@pytest.mark.parametrize(
    "name", ["a.keras", "a.weights.h5", "a.h5", "a.npz", "a.safetensors"]
)
def test_every_kind_of_file_sets_another_network_by_name(model, tmp_path, name):
    save(model, tmp_path / name)
    other = net(norm=batch_norm)
    match = by_name.assign(other, weight_files.read(tmp_path / name))
    assert not match.missing
    assert not match.shapes
    images = np.random.default_rng(1).uniform(0, 1, (4, 8, 8, 3))
    np.testing.assert_allclose(other(images), model(images), rtol=1e-5)
    # The stored moments have Keras's weight, not that of a first update.
    norm = next(w.layer for w in names.weights(other) if "moving_mean" in w.name)
    before = norm.moving_mean.numpy()
    norm(np.ones((2, 4, 4, 2), np.float32), training=True)
    expected = 0.99 * before + 0.01
    np.testing.assert_allclose(norm.moving_mean.numpy(), expected, rtol=1e-5)


def test_what_does_not_fit_is_listed(model):
    values = values_of(model)
    values["extra/kernel"] = values.pop("stem/bias")
    other = net(classes=7)
    match = by_name.assign(other, values)
    assert match.missing == ("stem/bias",)
    assert match.unused == ("extra/kernel",)
    assert match.shapes[0] == ("dense/kernel", (2, 4), (2, 7))
    assert "of another shape, not set: dense/kernel (2, 4) -> (2, 7)" in match.summary()
    nothing = by_name.assign(other, {"a/b": np.zeros(3)})
    with pytest.raises(UsageError, match=r"x\.npz has no weight .*stem/kernel.*a/b"):
        by_name.require_a_match(nothing, "--init_from=x.npz")


def test_half_precision_of_safetensors(tmp_path):
    path = tmp_path / "a.safetensors"
    write_safetensors(path, {"a.weight": np.array([1.5, -2.0])}, np.float16)
    np.testing.assert_array_equal(weight_files.read(path)["a/weight"], [1.5, -2.0])
    header = json.dumps(
        {"b": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}
    ).encode()
    # The upper half of the float32 1.0.
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\x80\x3f")
    np.testing.assert_array_equal(weight_files.read(path)["b"], [1.0])


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("nothing.npz", None, UsageError),
        ("a.ckpt", b"", UsageError),
        ("a.npz", b"x", RunError),
        ("a.h5", b"x", RunError),
        ("a.keras", b"x", RunError),
        ("a.safetensors", b"x", RunError),
        ("b.safetensors", b"\xff" * 30, RunError),
        (
            "c.safetensors",
            b'\x3b\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}',
            RunError,
        ),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, error):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=name):
        weight_files.read(tmp_path / name)
