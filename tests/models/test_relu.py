"""Tests of framework/models/relu.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.models.relu import AddReLU, ReLU


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("settings", [{}, {"negative_slope": 0.5}, {"max_value": 1.0}])
@pytest.mark.parametrize("shape", [(4, 6, 5, 3), (7, 3)])
def test_matches_keras(dtype, settings, shape):
    values = np.random.default_rng(0).normal(size=shape)
    # At 0 the gradient is 0.
    values[0] = 0.0
    values = tf.cast(values, dtype)

    @tf.function
    def both(layer):
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = layer(values)
            total = tf.reduce_sum(tf.sin(outputs))
        return outputs, tape.gradient(total, values)

    actual = both(ReLU(dtype=dtype, **settings))
    expected = both(keras.layers.ReLU(dtype=dtype, **settings))
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def gradients(function, inputs):
    """Returns both outputs, and the gradients of a sum of them."""

    @tf.function
    def both(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            next_block, shortcut = function(list(inputs))
            # A different function of each output.
            total = tf.reduce_sum(tf.sin(next_block)) + tf.reduce_sum(shortcut)
        return [next_block, shortcut, *tape.gradient(total, inputs)]

    return [tf.cast(value, tf.float32).numpy() for value in both(*inputs)]


def keras_layers(inputs):
    """Applies the equivalent Keras layers."""
    outputs = keras.layers.ReLU()(keras.layers.Add()(inputs))
    return outputs, outputs


@pytest.fixture
def inputs():
    generator = np.random.default_rng(0)
    return [generator.normal(size=(4, 6, 5, 3)).astype(np.float32) for _ in range(2)]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("training", [False, True])
def test_is_the_relu_of_the_sum_twice(inputs, dtype, training):
    layer = AddReLU(dtype=dtype)
    tensors = [tf.cast(values, dtype) for values in inputs]
    actual = gradients(lambda both: layer(both, training=training), tensors)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    expected = gradients(keras_layers, tensors)
    keras.config.set_dtype_policy(policy)
    for one, other in zip(actual, expected, strict=True):
        # bfloat16 has eight bits; XLA may round after the sum, or only at the end.
        rtol = 2**-7 if dtype == "bfloat16" else 1e-6
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)


def test_gradient_with_an_unused_output(inputs):
    layer = AddReLU(dtype="bfloat16")
    tensors = [tf.cast(values, "bfloat16") for values in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        outputs, _ = layer(tensors, training=True)
        total = tf.reduce_sum(outputs)
    actual = tape.gradient(total, tensors[0])
    expected = inputs[0] + inputs[1] > 0
    assert np.mean(actual.numpy().astype(bool) == expected) > 0.99


def test_round_trips_through_its_config(inputs):
    again = AddReLU.from_config(AddReLU(name="end").get_config())
    assert again.name == "end"
    np.testing.assert_array_equal(again(inputs)[0], AddReLU()(inputs)[0])
