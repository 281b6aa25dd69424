"""Tests of framework/models/pooled.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.models.pooled import PooledConv2D


def keras_layers(layer):
    """Returns the equivalent Keras layers with the same weights."""
    model = keras.Sequential(
        [
            keras.layers.Conv2D(layer.filters, layer.kernel_size, 1, layer.padding),
            keras.layers.ReLU(),
            keras.layers.MaxPooling2D(2),
        ]
    )
    model.build((None, 11, 8, 3))
    model.set_weights(layer.get_weights())
    return model


def pooled_layer(padding="valid", **kwargs):
    weights = keras.initializers.GlorotUniform(seed=0)
    layer = PooledConv2D(4, 3, padding=padding, kernel_initializer=weights, **kwargs)
    layer.build((None, 11, 8, 3))
    layer.bias.assign([0.1, -0.2, 0.3, 0.0])
    return layer


def gradients(layer, inputs, jit=False):
    """Returns outputs, and gradients of a sum with respect to inputs and weights."""
    weights = [variable.value for variable in layer.trainable_variables]

    @tf.function(jit_compile=jit)
    def both(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs)
            # A different weight for each value.
            total = tf.reduce_sum(tf.sin(tf.cast(outputs, tf.float32)))
        return [outputs, *tape.gradient(total, [inputs, *weights])]

    return [tf.cast(value, tf.float32).numpy() for value in both(inputs)]


INPUTS = np.random.default_rng(0).normal(size=(5, 11, 8, 3)).astype(np.float32)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("jit", [False, True])
def test_matches_convolution_relu_and_pooling(padding, jit):
    layer = pooled_layer(padding)
    actual = gradients(layer, tf.constant(INPUTS), jit)
    expected = gradients(keras_layers(layer), tf.constant(INPUTS))
    assert actual[0].shape == layer.compute_output_shape(INPUTS.shape)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_bfloat16_is_close_to_float32():
    layer = pooled_layer(dtype="mixed_bfloat16")
    expected = gradients(keras_layers(layer), tf.constant(INPUTS))
    actual = gradients(layer, tf.constant(INPUTS, tf.bfloat16))
    # Where two values are almost equal, rounding decides which is the maximum.
    for one, other in zip(actual, expected, strict=True):
        assert np.linalg.norm(one - other) < 0.2 * np.linalg.norm(other)


def test_accepts_inputs_of_unknown_size():
    outputs = PooledConv2D(2, 3)(keras.Input((None, None, 1)))
    assert outputs.shape == (None, None, None, 2)


def test_round_trips_through_its_config():
    layer = pooled_layer("same")
    again = PooledConv2D.from_config(layer.get_config())
    again.build((None, 11, 8, 3))
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(INPUTS), layer(INPUTS))
