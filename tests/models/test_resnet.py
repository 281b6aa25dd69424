"""Tests of framework/models/resnet.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.errors import UsageError
from framework.models.resnet import resnet


def weights(depth, width=16):
    """Returns the number of weights in convolutions and the dense layer, by formula."""
    blocks = (depth - 2) // 6
    total = 27 * width
    for stage in range(3):
        filters = width * 2**stage
        total += 9 * filters * filters * (2 * blocks - 1)
        # The first block of a stage has half the input filters, and a projection.
        total += 9 * filters * (filters // 2) if stage else 9 * filters * filters
        total += filters * (filters // 2) if stage else 0
    return total + 4 * width * 10 + 10


@pytest.mark.parametrize("depth", [8, 20])
def test_parameters(depth):
    model = resnet((32, 32, 3), 10, depth)
    norms = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    # One for each convolution: depth - 1, and two projections.
    assert len(norms) == depth + 1
    expected = weights(depth) + sum(norm.count_params() for norm in norms)
    assert model.count_params() == expected


def test_resnet_20_has_the_size_in_the_paper():
    # 0.27 M in table 6 of He et al. (2015).
    trainable = resnet((32, 32, 3), 10).trainable_variables
    assert sum(np.prod(variable.shape) for variable in trainable) == pytest.approx(
        270_000, rel=0.02
    )


@pytest.mark.parametrize("depth", [0, 2, 7, 9, 21])
def test_refuses_a_depth_other_than_6n_plus_2(depth):
    with pytest.raises(UsageError, match=f"such as 8, 14 or 20, not {depth}"):
        resnet((32, 32, 3), 10, depth)


def test_statistics_are_of_the_global_batch(mirrored):
    generator = np.random.default_rng(0)
    # The halves differ, so that separate statistics would differ.
    images = generator.normal(size=(8, 8, 8, 3)) + np.arange(8)[:, None, None, None]
    images = tf.constant(images, tf.float32)
    keras.utils.set_random_seed(0)
    one = resnet((8, 8, 3), 2, depth=8, width=2)
    keras.utils.set_random_seed(0)
    with mirrored.scope():
        two = resnet((8, 8, 3), 2, depth=8, width=2)

    def replica_outputs():
        start = tf.distribute.get_replica_context().replica_id_in_sync_group * 4
        return two(images[start : start + 4], training=True)

    compiled = tf.function(lambda: mirrored.run(replica_outputs), autograph=False)
    actual = np.concatenate(mirrored.experimental_local_results(compiled()))
    np.testing.assert_allclose(actual, one(images, training=True), rtol=1e-3, atol=1e-4)
    for variable, expected in zip(two.variables, one.variables, strict=True):
        for local in mirrored.experimental_local_results(variable.value):
            np.testing.assert_allclose(local, expected.value, rtol=1e-4, atol=1e-5)
