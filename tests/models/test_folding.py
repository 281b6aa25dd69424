"""Tests of framework/models/folding.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.models.layers import BatchNorm

LAYERS = keras.layers
CONVOLUTIONS = {
    "plain": lambda: LAYERS.Conv2D(12, 3, padding="same", use_bias=False),
    "bias and stride": lambda: LAYERS.Conv2D(12, 3, 2),
    "depthwise": lambda: LAYERS.DepthwiseConv2D(
        3, 2, "same", depth_multiplier=2, use_bias=False
    ),
    "depthwise with bias": lambda: LAYERS.DepthwiseConv2D(3),
    "1x1": lambda: LAYERS.Conv2D(12, 1, use_bias=False),
}
# These are computed by other operations, or are no convolutions of images.
OTHERS = {
    "dilated": lambda: LAYERS.Conv2D(12, 3, dilation_rate=2),
    "groups": lambda: LAYERS.Conv2D(12, 3, groups=4),
    "with ReLU": lambda: LAYERS.Conv2D(12, 3, activation="relu"),
    "pooling": lambda: LAYERS.MaxPooling2D(2),
    "dense": lambda: LAYERS.Dense(12),
}
NORMS = [{}, {"scale": False}, {"center": False}, {"scale": False, "center": False}]


def networks(layer, settings=None, policy="float32"):
    """Returns the same network with this batch normalization and with Keras's."""
    inputs = keras.Input((16, 15, 8))
    features = layer()(inputs)
    models = [
        keras.Model(inputs, LAYERS.ReLU()(norm(**settings or {})(features)))
        for norm in (BatchNorm, LAYERS.BatchNormalization)
    ]
    generator = np.random.default_rng(0)
    values = [generator.uniform(0.5, 2, each.shape) for each in models[0].weights]
    for model in models:
        model.set_weights(values[: len(model.weights)])
    return models


def images():
    return tf.random.stateless_normal((4, 16, 15, 8), (0, 1))


def compiled(model):
    """Returns the evaluation as a function of the images."""
    function = tf.function(lambda inputs: model(inputs, training=False))
    return function.get_concrete_function(tf.TensorSpec((4, 16, 15, 8)))


def evaluated(model):
    return compiled(model)(images()).numpy()


@pytest.mark.parametrize("settings", NORMS)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_evaluation_agrees_with_keras(name, settings):
    model, expected = networks(CONVOLUTIONS[name], settings)
    np.testing.assert_allclose(
        evaluated(model), expected(images(), training=False), rtol=2e-5, atol=2e-5
    )


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_the_outputs_are_not_multiplied(name):
    model, expected = networks(CONVOLUTIONS[name])

    def products(network):
        size = evaluated(network).size
        operations = compiled(network).graph.get_operations()
        products = [each.outputs[0] for each in operations if each.type == "Mul"]
        return sum(each.shape.num_elements() >= size for each in products)

    assert (products(model), products(expected)) == (0, 1)


def test_filters_that_are_larger_than_their_outputs_are_not_multiplied():
    inputs = keras.Input((4, 4, 32))
    features = LAYERS.Conv2D(8, 3, padding="same")(inputs)
    model = keras.Model(inputs, BatchNorm()(features))

    def products(rows):
        function = tf.function(lambda images: model(images, training=False))
        spec = tf.TensorSpec((rows, 4, 4, 32))
        operations = function.get_concrete_function(spec).graph.get_operations()
        shapes = [each.outputs[0].shape for each in operations if each.type == "Mul"]
        return [tuple(shape) for shape in shapes if shape.rank == 4]

    # A row of the outputs is 4 x 4 x 8, and a filter 3 x 3 x 32.
    assert products(17) == [(17, 4, 4, 8)]
    assert products(18) == [(3, 3, 32, 8)]
    assert products(None) == [(None, 4, 4, 8)]


@pytest.mark.parametrize("name", OTHERS)
def test_other_inputs_are_normalized_as_before(name):
    model, expected = networks(OTHERS[name])
    np.testing.assert_array_equal(evaluated(model), evaluated(expected))


def test_other_uses_of_the_convolution_are_untouched():
    inputs = keras.Input((16, 15, 8))
    features = LAYERS.Conv2D(12, 3)(inputs)
    norm = BatchNorm()
    model = keras.Model(inputs, LAYERS.Add()([features, norm(features)]))
    norm.moving_variance.assign(tf.fill([12], 4.0))
    expected = model(images(), training=False)
    function = tf.function(lambda values: model(values, training=False))
    np.testing.assert_allclose(function(images()), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(8, 1, 1), (1, 8, 1), ()])
def test_what_is_added_along_other_axes_is_no_bias(shape):
    added = tf.reshape(tf.range(float(np.prod(shape))), shape)

    class Plus(LAYERS.Layer):
        def call(self, inputs):
            # Keras's own addition takes what is added for a bias along the channels.
            return tf.add(inputs, added)

    inputs = keras.Input((8, 8, 8))
    features = Plus()(LAYERS.Conv2D(8, 1, use_bias=False)(inputs))
    norm = BatchNorm()
    model = keras.Model(inputs, norm(features))
    norm.moving_variance.assign(tf.fill([8], 4.0))
    images = tf.random.stateless_normal((2, 8, 8, 8), (0, 1))
    function = tf.function(lambda values: model(values, training=False))
    expected = model(images, training=False)
    np.testing.assert_allclose(function(images), expected, rtol=1e-5, atol=1e-5)


def test_bfloat16_is_as_exact_as_without():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model, plain = networks(CONVOLUTIONS["bias and stride"])
    finally:
        keras.config.set_dtype_policy("float32")
    exact, _ = networks(CONVOLUTIONS["bias and stride"])
    expected = exact(images(), training=False)

    def error(network):
        outputs = tf.cast(evaluated(network), tf.float32)
        return float(tf.reduce_mean(tf.abs(outputs - expected)))

    assert evaluated(model).dtype == "bfloat16"
    assert error(model) < 1.2 * error(plain)


def test_eager_calls_are_normalized_as_before():
    model, expected = networks(CONVOLUTIONS["plain"])
    np.testing.assert_array_equal(
        model(images(), training=False), expected(images(), training=False)
    )


def test_gradients_pass_through_an_evaluation():
    model, expected = networks(CONVOLUTIONS["depthwise with bias"])

    def gradient(network):
        @tf.function
        def call(inputs):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                total = tf.reduce_sum(network(inputs, training=False) ** 2)
            return tape.gradient(total, [inputs, *network.trainable_variables])

        return call(images())

    for one, other in zip(gradient(model), gradient(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3 * tf.norm(other))
