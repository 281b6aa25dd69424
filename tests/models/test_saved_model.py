"""Tests of framework/models/saved_model.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.errors import RunError, UsageError
from framework.models import by_name, saved_model, weight_files
from framework.models.layers import batch_norm

# Of other libraries, as they export.
pytestmark = pytest.mark.filterwarnings("ignore")


def net(classes=4, norm=keras.layers.BatchNormalization):
    inputs = keras.Input((8, 8, 3))
    features = norm()(keras.layers.Conv2D(2, 3, name="stem")(inputs))
    features = keras.layers.Conv2D(2, 3)(features)
    features = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, keras.layers.Dense(classes)(features))


@pytest.fixture(scope="module")
def model():
    model = net()
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(generator.uniform(0.1, 1, weight.shape))
    return model


def exported(model, path):
    model.export(path, verbose=False)


def saved(model, path):
    tf.saved_model.save(model, path)


@pytest.mark.parametrize("save", [exported, saved])
def test_every_weight_is_found_by_name(model, tmp_path, save):
    save(model, str(tmp_path))
    other = net(norm=batch_norm)
    match = by_name.assign(other, weight_files.read(tmp_path))
    assert not match.missing + match.shapes + match.unused
    images = np.random.default_rng(1).uniform(0, 1, (4, 8, 8, 3))
    np.testing.assert_allclose(other(images), model(images), rtol=1e-5)


def test_what_does_not_match_is_listed(model, tmp_path):
    exported(model, str(tmp_path))
    match = by_name.assign(net(classes=7), weight_files.read(tmp_path))
    assert [name for name, *_ in match.shapes] == ["dense/kernel", "dense/bias"]
    assert not match.missing + match.unused


class Module(tf.Module):
    """Two variables of one name, one without a layer, and one that is no number."""

    def __init__(self):
        super().__init__()
        self.first = tf.Variable([1.0], name="a/conv/kernel")
        self.second = tf.Variable([2.0], name="b/conv/kernel")
        self.half = tf.Variable(tf.constant([1.5], tf.bfloat16), name="scale")
        self.text = tf.Variable("x", name="words")


def test_variables_of_a_module(tmp_path):
    tf.saved_model.save(Module(), str(tmp_path))
    values = saved_model.read(tmp_path)
    assert {name: value.tolist() for name, value in values.items()} == {
        "conv/kernel": [1.0],
        "b/conv/kernel": [2.0],
        "scale": [1.5],
    }
    assert values["scale"].dtype == np.float32


def test_folders_that_cannot_be_read(model, tmp_path):
    with pytest.raises(UsageError, match="folder of a run or a SavedModel"):
        weight_files.read(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(UsageError, match=r"has no file variables/variables\.index"):
        weight_files.read(tmp_path)
    exported(model, str(tmp_path / "x"))
    index = tmp_path / "x/variables/variables.index"
    for content in (b"x", index.read_bytes()[:-9]):
        index.write_bytes(content)
        with pytest.raises(RunError, match="cannot be read"):
            weight_files.read(tmp_path / "x")
