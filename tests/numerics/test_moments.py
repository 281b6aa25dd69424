"""Tests of framework/numerics/moments.py."""

import keras
import pytest
import tensorflow as tf

from framework.errors import UsageError
from framework.models import layers
from framework.numerics import moments


def test_layers_hand_out_their_moments_in_a_shard_only():
    norm = layers.batch_norm()
    model = keras.Sequential([keras.Input([1]), norm])
    rows = tf.constant([[1.0], [3.0]])
    with moments.of_shard(True) as taken:
        model(rows, training=True)
    assert float(norm.moving_mean[0]) == 0.0
    named = moments.named(model, taken)
    values = {name: value.numpy().tolist() for name, value in named.items()}
    assert values == {"moments/0/mean": [2.0], "moments/0/variance": [1.0]}
    with moments.of_shard(False) as taken:
        model(rows, training=True)
    assert taken == []
    assert float(norm.moving_mean[0]) == 2.0


def test_averages_are_updated_from_the_mean_over_shards():
    norm = layers.batch_norm()
    model = keras.Sequential([keras.Input([1]), norm])
    sums = {"moments/0/mean": tf.constant([6.0]), "loss": tf.constant(1.0)}
    sums["moments/0/variance"] = tf.constant([4.0])
    left = moments.update_averages(model, sums, 2, tf.constant(0, tf.int64))
    assert left.keys() == {"loss"}
    assert float(norm.moving_mean[0]) == 3.0
    assert float(norm.moving_variance[0]) == 2.0


def test_a_layer_that_is_called_twice_is_refused():
    inputs, norm = keras.Input([1]), layers.batch_norm()
    model = keras.Model(inputs, norm(norm(inputs)))
    with moments.of_shard(True) as taken:
        model(tf.ones([2, 1]), training=True)
    with pytest.raises(UsageError, match=f"{norm.name} twice"):
        moments.named(model, taken)
