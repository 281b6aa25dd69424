"""Tests of framework/models/transformer.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.models.transformer import GELU, LayerNorm, Positions, SelfAttention


def gradients(layer, inputs, upstream):
    """Returns the output, and the gradients of the inputs and the weights."""
    inputs = tf.convert_to_tensor(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs)
        total = tf.reduce_sum(tf.cast(outputs, tf.float32) * upstream)
    sources = [inputs, *(each.value for each in layer.trainable_variables)]
    return [outputs, *tape.gradient(total, sources)]


@pytest.mark.parametrize(
    ("own", "keras_layer"),
    [
        (LayerNorm(1e-3), keras.layers.LayerNormalization(epsilon=1e-3)),
        (GELU(), keras.layers.Activation("gelu")),
    ],
)
def test_values_and_gradients_are_those_of_keras(own, keras_layer):
    generator = np.random.default_rng(0)
    inputs = generator.normal(1, 2, (2, 5, 8)).astype(np.float32)
    upstream = generator.normal(0, 1, inputs.shape).astype(np.float32)
    for layer in (own, keras_layer):
        layer.build(inputs.shape)
    for variable, other in zip(own.weights, keras_layer.weights, strict=True):
        value = generator.normal(1, 0.5, variable.shape)
        variable.assign(value)
        other.assign(value)
    expected = gradients(keras_layer, inputs, upstream)
    for value, other in zip(gradients(own, inputs, upstream), expected, strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-4, atol=1e-5)


def test_attention_is_that_of_keras():
    generator = np.random.default_rng(0)
    inputs = generator.normal(0, 1, (2, 5, 8)).astype(np.float32)
    own, other = SelfAttention(2), keras.layers.MultiHeadAttention(2, 4)
    own.build(inputs.shape)
    other.build(inputs.shape, inputs.shape)
    kernel, bias = (np.split(each.numpy(), 3, axis=-1) for each in own.inner.weights)
    dense = (other.query_dense, other.key_dense, other.value_dense)
    for layer, part, offset in zip(dense, kernel, bias, strict=True):
        layer.set_weights([part.reshape(8, 2, 4), offset.reshape(2, 4)])
    outer = own.outer.get_weights()
    other.output_dense.set_weights([outer[0].reshape(2, 4, 8), outer[1]])
    np.testing.assert_allclose(own(inputs), other(inputs, inputs), atol=1e-5)


def test_half_precision_is_kept():
    for layer in (LayerNorm(dtype="mixed_bfloat16"), GELU(dtype="mixed_bfloat16")):
        outputs, gradient, *_ = gradients(layer, tf.ones([1, 2, 4], tf.bfloat16), 1.0)
        assert outputs.dtype == gradient.dtype == tf.bfloat16


@pytest.mark.parametrize(
    "layer", [LayerNorm(1e-4), GELU(), SelfAttention(2), Positions()]
)
def test_a_layer_can_be_loaded(layer, tmp_path):
    inputs = keras.Input((3, 8))
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    images = np.random.default_rng(0).normal(size=(2, 3, 8)).astype(np.float32)
    np.testing.assert_allclose(loaded(images), model(images), atol=1e-6)
