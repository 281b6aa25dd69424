"""Tests of framework/models/layers.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.models.layers import (
    BatchNorm,
    Dropout,
    batch_norm,
    number_dropout_streams,
)
from framework.numerics.draws import Draws, use_draws


def draws(step=0, start=0, rows=8, seed=3):
    return Draws(seed, tf.cast(step, tf.int64), tf.cast(start, tf.int64), rows)


def dropped(inputs, rate=0.4, where=None, layer=None):
    """Returns the outputs of a layer in training."""
    layer = layer or Dropout(rate, name="some")
    with use_draws(where or draws(rows=inputs.shape[0])):
        return layer(inputs, training=True)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_keeps_the_right_fraction_and_scales_it_up(rate):
    actual = dropped(tf.ones([200, 10, 10]), rate).numpy()
    is_kept = actual != 0
    # Five standard errors of 20,000 numbers.
    error = 5 * (rate * (1 - rate) / is_kept.size) ** 0.5
    assert is_kept.mean() == pytest.approx(1 - rate, abs=error)
    np.testing.assert_allclose(actual[is_kept], 1 / (1 - rate), rtol=1e-6)


@pytest.mark.parametrize(("rate", "training"), [(0.0, True), (0.5, False)])
def test_is_the_identity_otherwise(rate, training):
    inputs = tf.random.stateless_normal([4, 5], (0, 0))
    # Outside `use_draws`.
    actual = Dropout(rate)(inputs, training=training)
    np.testing.assert_array_equal(actual, inputs)


def test_outside_a_step_is_an_error():
    with pytest.raises(RuntimeError, match="called outside a training step"):
        Dropout(0.5)(tf.ones([2, 3]), training=True)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_refuses_a_rate_out_of_range(rate):
    with pytest.raises(ValueError, match=f"rate must be from 0 to below 1, not {rate}"):
        Dropout(rate)


def test_each_row_each_step_and_each_seed_has_its_own_mask():
    ones = tf.ones([8, 30])
    actual = dropped(ones).numpy()
    assert len({row.tobytes() for row in actual}) == 8
    for other in (draws(step=1), draws(seed=4), draws(start=8)):
        assert not np.array_equal(dropped(ones, where=other), actual)
    np.testing.assert_array_equal(dropped(ones), actual)


def test_two_replicas_have_the_mask_of_one(mirrored):
    inputs = tf.random.stateless_normal([8, 3, 5], (0, 0))
    layer = Dropout(0.4, name="some")

    def replica_outputs():
        start = tf.distribute.get_replica_context().replica_id_in_sync_group * 4
        rows = inputs[start : start + 4]
        return dropped(rows, where=draws(start=start, rows=4), layer=layer)

    compiled = tf.function(lambda: mirrored.run(replica_outputs), autograph=False)
    actual = np.concatenate(mirrored.experimental_local_results(compiled()))
    np.testing.assert_array_equal(actual, dropped(inputs))


@pytest.mark.parametrize("jit", [False, True])
def test_compiled_and_eager_masks_agree(jit):
    inputs = tf.random.stateless_normal([8, 3, 5], (0, 0))

    @tf.function(jit_compile=jit, autograph=False)
    def compiled(step):
        return dropped(inputs, where=draws(step))

    actual = compiled(tf.constant(5, tf.int64))
    np.testing.assert_array_equal(actual, dropped(inputs, where=draws(5)))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_has_the_same_mask(dtype):
    layer = Dropout(0.4, name="some", dtype=dtype)
    actual = dropped(tf.ones([8, 30], dtype), layer=layer)
    assert actual.dtype == dtype
    values = tf.cast(actual, tf.float32).numpy()
    np.testing.assert_array_equal(values != 0, dropped(tf.ones([8, 30])) != 0)
    np.testing.assert_allclose(values[values != 0], 1 / 0.6, rtol=1e-2)


def test_dropped_infinities_are_removed():
    actual = dropped(tf.fill([8, 30], float("inf"))).numpy()
    assert set(actual.ravel().tolist()) == {0.0, float("inf")}


def network():
    """Returns a model with a Dropout inside another model."""
    inner = keras.Sequential([keras.Input((6,)), Dropout(0.5)])
    inputs = keras.Input((6,))
    return keras.Model(inputs, Dropout(0.5)(inner(Dropout(0.5)(inputs))))


def test_equal_models_have_equal_masks():
    ones = tf.ones([8, 6])
    outputs = []
    for _ in range(2):
        model = network()
        number_dropout_streams(model)
        outputs.append(dropped(ones, layer=model))
    np.testing.assert_array_equal(outputs[1], outputs[0])


def test_layers_of_a_model_have_independent_masks():
    model = network()
    number_dropout_streams(model)
    # With equal masks half would be kept, not an eighth.
    fraction = np.mean(dropped(tf.ones([2000, 6]), layer=model) != 0)
    assert fraction == pytest.approx(1 / 8, abs=0.02)


def test_dropout_round_trips_through_its_config():
    layer = Dropout.from_config(Dropout(0.3, name="some").get_config())
    ones = tf.ones([8, 30])
    np.testing.assert_array_equal(dropped(ones, layer=layer), dropped(ones, 0.3))


SHAPES = [(16, 5), (8, 6, 7, 5), (4, 3, 5)]


def normalized(layer, inputs, steps=3):
    """Returns outputs, gradients and variables after some training steps."""

    @tf.function(autograph=False)
    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
            loss = tf.reduce_sum(tf.cast(outputs, tf.float32) ** 3)
        weights = [variable.value for variable in layer.trainable_variables]
        return outputs, tape.gradient(loss, [inputs, *weights])

    for index in range(steps):
        outputs, gradients = step(inputs * (index + 1.0))
    tensors = [outputs, *gradients, *layer.variables, layer(inputs, training=False)]
    return [tf.cast(tensor, tf.float32).numpy() for tensor in tensors]


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        *((shape, {}) for shape in SHAPES),
        (SHAPES[1], {"scale": False}),
        (SHAPES[1], {"center": False}),
        (SHAPES[0], {"momentum": 0.9, "epsilon": 1e-5}),
        (SHAPES[2], {"momentum": 0.9, "scale": False, "center": False}),
    ],
)
def test_batch_norm_matches_keras_on_one_device(shape, settings):
    inputs = tf.random.stateless_normal(shape, (0, 0)) * 3 + 2
    actual = normalized(batch_norm(debias=False, **settings), inputs)
    expected = normalized(keras.layers.BatchNormalization(**settings), inputs)
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_a_frozen_batch_norm_does_not_learn():
    inputs = tf.random.stateless_normal((8, 6, 7, 5), (0, 0)) * 3 + 2
    layer = batch_norm()
    layer.trainable = False
    before = layer(inputs, training=False)
    np.testing.assert_array_equal(layer(inputs, training=True), before)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_batch_norm_has_the_dtype_of_the_policy(policy):
    inputs = tf.random.stateless_normal((8, 6, 7, 5), (0, 0)) * 3 + 2
    actual = batch_norm(dtype=policy)(inputs, training=True)
    assert actual.dtype == policy.removeprefix("mixed_")
    expected = batch_norm()(inputs, training=True)
    np.testing.assert_allclose(tf.cast(actual, tf.float32), expected, atol=0.05)


def test_batch_norm_round_trips_through_its_config():
    config = batch_norm(momentum=0.9, epsilon=1e-4, debias=False).get_config()
    layer = BatchNorm.from_config(config)
    assert (layer.momentum, layer.epsilon, layer.synchronized) == (0.9, 1e-4, True)
    assert not layer.debias


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.99, 0.9999])
def test_moving_averages_are_weighted_means_of_the_batches(shape, momentum):
    """They are Keras's, divided by the sum of its weights."""
    layer, generator = batch_norm(momentum=momentum), np.random.default_rng(0)
    axes = tuple(range(len(shape) - 1))
    means, variances = [], []
    for _ in range(12):
        batch = generator.normal(7, 3, shape).astype(np.float32)
        layer(batch, training=True)
        means.append(batch.mean(axes))
        variances.append(batch.var(axes))
    weights = momentum ** np.arange(12)[::-1]
    expected = np.average(means, axis=0, weights=weights)
    np.testing.assert_allclose(layer.moving_mean, expected, rtol=1e-4)
    expected = np.average(variances, axis=0, weights=weights)
    np.testing.assert_allclose(layer.moving_variance, expected, rtol=1e-4)
    assert float(layer.updates) == 12


def test_after_many_updates_the_momentum_is_that_of_keras():
    layer = batch_norm(momentum=0.9)
    layer.build((None, 3))
    layer.updates.assign(1e7)
    layer(tf.ones([4, 3]), training=True)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * np.ones(3), rtol=1e-5)


def test_batch_norm_on_two_replicas_matches_one(mirrored):
    inputs = tf.random.stateless_normal((8, 6, 7, 5), (0, 0)) * 3 + 2
    single = batch_norm()
    expected = single(inputs, training=True)
    with mirrored.scope():
        shared = batch_norm()
        shared.build(inputs.shape)

    @tf.function(autograph=False)
    def replica_outputs():
        context = tf.distribute.get_replica_context()
        start = context.replica_id_in_sync_group * 4
        return shared(inputs[start : start + 4], training=True)

    actual = mirrored.experimental_local_results(mirrored.run(replica_outputs))
    np.testing.assert_allclose(np.concatenate(actual), expected, atol=1e-5)
    for a, b in zip(shared.variables, single.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "elu", "leaky_relu"])
def test_batch_norm_before_any_activation_in_a_graph(activation, training):
    """Grappler must not fuse the kernel with activations without a fused kernel."""
    layer, function = batch_norm(), keras.activations.get(activation)
    inputs = tf.random.stateless_normal((8, 6, 7, 5), (0, 0)) * 3 + 2
    layer(inputs)
    compiled = tf.function(lambda x: function(layer(x, training=training)))
    actual = compiled(inputs)
    layer.moving_mean.assign(tf.zeros(5))
    layer.moving_variance.assign(tf.ones(5))
    eager = function(layer(inputs, training=training))
    np.testing.assert_allclose(actual, eager, atol=1e-5)
