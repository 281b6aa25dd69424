"""Tests of framework/diagnose/programs/keras_copy.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.diagnose.programs.keras_copy import one_device
from framework.errors import UsageError

L = keras.layers


class Own(keras.Model):
    def __init__(self, needed):
        super().__init__()
        self.dense = L.Dense(needed)

    def call(self, x):
        return self.dense(x)


def strategy():
    return tf.distribute.MirroredStrategy(["cpu:0"])


def compiled(model):
    model.compile("adam", "mse", jit_compile=False)
    model(np.ones((1, 4), np.float32))
    return model


def linear():
    return keras.Sequential([keras.Input((4,)), L.Dense(3)])


def test_a_model_of_one_device_is_itself():
    model = compiled(linear())
    assert one_device(model) is model


def test_a_model_of_a_strategy_is_copied_with_its_state():
    with strategy().scope():
        model = compiled(linear())
    copy = one_device(model)
    assert copy is not model
    for one, other in zip(copy.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert isinstance(copy.weights[0].value.numpy(), np.ndarray)
    assert type(copy.optimizer) is type(model.optimizer)
    copy.train_on_batch(np.ones((2, 4)), np.ones((2, 3)))


def test_what_cannot_be_copied_is_refused():
    with strategy().scope():
        model = compiled(Own(3))
    with pytest.raises(UsageError, match=r"build and compile it outside of strategy"):
        one_device(model)


def test_a_scope_is_left_first():
    model = compiled(linear())
    with strategy().scope(), pytest.raises(UsageError, match="outside of strategy"):
        one_device(model)
