"""Tests of framework/launch/weight_samples.py."""

import keras
import numpy as np

from framework.launch import weight_samples


def network(units=4):
    inputs = keras.Input((600,))
    hidden = keras.layers.Dense(units)(inputs)
    hidden = keras.layers.BatchNormalization()(hidden)
    return keras.Model(inputs, keras.layers.Dense(3)(hidden))


def test_kernels_have_the_same_names_in_each_process():
    expected = {"00_dense/kernel", "01_dense/kernel"}
    for _ in range(2):
        # Keras has counted the layers of other networks.
        assert set(weight_samples.samples(network())) == expected


def test_large_kernels_are_sampled_evenly():
    model = network(units=300)
    values = weight_samples.samples(model)["00_dense/kernel"]
    kernel = model.layers[1].kernel.numpy().ravel()
    np.testing.assert_array_equal(values, kernel[::3])
    assert len(values) <= 2**16
