"""Tests of framework/models/swish.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.models.convert import own_layer
from framework.models.plain import plain
from framework.models.swish import Swish

# Of float32, and of bfloat16, of which TensorFlow rounds each of five operations.
TOLERANCES = {"float32": 2e-6, "bfloat16": 0.03}


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("shape", [(4, 6, 5, 3), (7, 3), (2,)])
def test_matches_keras(dtype, shape):
    values = np.random.default_rng(0).normal(size=shape) * 4
    values = tf.cast(values, dtype)

    @tf.function
    def both(layer):
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = layer(values)
            total = tf.reduce_sum(tf.sin(tf.cast(outputs, tf.float32)))
        return outputs, tape.gradient(total, values)

    outputs, gradient = both(Swish(dtype=dtype))
    expected, of_keras = both(keras.layers.Activation("silu", dtype=dtype))
    np.testing.assert_array_equal(outputs, expected)
    np.testing.assert_allclose(
        tf.cast(gradient, tf.float32),
        tf.cast(of_keras, tf.float32),
        atol=TOLERANCES[dtype],
    )


def test_the_gradient_is_finite_far_from_0():
    values = tf.constant([-1e30, -200.0, 0.0, 200.0, 1e30])
    with tf.GradientTape() as tape:
        tape.watch(values)
        outputs = Swish()(values)
    gradient = tape.gradient(outputs, values)
    np.testing.assert_allclose(gradient, [0, 0, 0.5, 1, 1], atol=1e-6)


def test_it_replaces_that_of_keras_and_back():
    for name in ("silu", "swish"):
        layer = own_layer(keras.layers.Activation(name, name="some"))
        assert isinstance(layer, Swish)
        assert layer.name == "some"
    assert not isinstance(own_layer(keras.layers.Activation("relu")), Swish)
    model = keras.Sequential([keras.Input((4,)), Swish(name="some")])
    exported = plain(model).get_layer("some")
    assert type(exported) is keras.layers.Activation
    assert exported.activation is keras.activations.silu


def test_round_trips_through_its_config():
    layer = Swish.from_config(Swish(name="some").get_config())
    assert layer.name == "some"
