"""Tests of framework/diagnose/programs/model_layers.py."""

import keras
import pytest

from framework.diagnose.programs.model_layers import architecture, leaves, with_weights

L = keras.layers


def test_leaves_are_those_within_others():
    inner = keras.Sequential(
        [keras.Input((4,)), L.Dense(3, name="a"), L.ReLU(name="b")]
    )
    whole = keras.Sequential([keras.Input((4,)), inner, L.Dense(2, name="c")])
    assert [layer.name for layer in leaves(whole)] == ["a", "b", "c"]
    assert [layer.name for layer in with_weights(whole)] == ["a", "c"]


@pytest.mark.parametrize(
    ("last", "is_one"),
    [
        ([L.Dense(1, "softmax")], True),
        ([L.Dense(1), L.Softmax()], True),
        ([L.Dense(1), L.Activation("softmax")], True),
        ([L.Dense(1, "sigmoid")], False),
        ([L.Dense(1)], False),
    ],
)
def test_ends_in_softmax(last, is_one):
    model = keras.Sequential([keras.Input((4,)), L.Dense(2, "softmax"), *last])
    assert architecture(model).ends_in_softmax is is_one
