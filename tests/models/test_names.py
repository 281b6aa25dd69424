"""Tests of framework/models/names.py."""

import keras

from framework import models
from framework.models import names


def test_names_do_not_depend_on_what_was_built_before():
    first = models.build("resnet(depth=8)")((32, 32, 3), 4)
    second = models.build("resnet(depth=8)")((32, 32, 3), 4)
    assert [w.variable.path for w in names.weights(first)] != [
        w.variable.path for w in names.weights(second)
    ]
    both = [[weight.name for weight in names.weights(each)] for each in (first, second)]
    assert both[0] == both[1]
    assert both[0][:2] == ["conv2d/kernel", "batch_normalization/gamma"]
    assert both[0][-1] == "dense/bias"
    assert len(set(both[0])) == len(first.weights)


def test_own_names_stay_and_layers_inside_are_named():
    inputs = keras.Input((8, 8, 3))
    inner = keras.Sequential([keras.layers.Conv2D(2, 3, name="stem_1")], name="body")
    outputs = keras.layers.Dense(2)(keras.layers.Flatten()(inner(inputs)))
    model = keras.Model(inputs, outputs)
    weights = names.weights(model)
    assert [weight.name for weight in weights] == [
        "stem_1/kernel",
        "stem_1/bias",
        "dense/kernel",
        "dense/bias",
    ]
    assert [weight.position for weight in weights][:2] == ["stem_1/0", "stem_1/1"]


def test_snake_case_is_that_of_keras():
    layers = [keras.layers.Dense(1), keras.layers.Conv2D(1, 1), keras.layers.ReLU()]
    for layer in layers:
        base = names.snake_case(type(layer).__name__)
        assert layer.name.startswith(base)
        assert names.numbered([layer.name]) == [base]
