"""Tests of framework/models/probabilities.py."""

import keras
import pytest
from keras import layers as L

from framework.models import probabilities

SHAPE = (4, 4, 1)


def network(*ends):
    return keras.Sequential([keras.Input(SHAPE), L.Flatten(), *ends])


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([L.Dense(3)], ""),
        ([L.Dense(3, bias_initializer="ones")], ""),
        ([L.Dense(3, activation="relu")], ""),
        ([L.Dense(3, bias_initializer=keras.initializers.Constant(0.5))], ""),
        ([L.Dense(3, activation="softmax")], "softmax"),
        ([L.Dense(3), L.Softmax()], "softmax"),
        ([L.Dense(3), L.Activation("sigmoid")], "sigmoid"),
        ([L.Dense(3), L.Lambda(keras.ops.softmax)], "softmax"),
        ([keras.Sequential([L.Dense(3, activation="sigmoid")])], "sigmoid"),
    ],
)
def test_the_activation_at_the_end(ends, expected):
    assert probabilities.returned(network(*ends), SHAPE) == expected


def test_an_empty_model_has_no_last_activation():
    assert probabilities.last_activation(keras.Sequential()) == ""
