"""Tests of framework/diagnose/measure/initial_weights.py."""

import types

import keras
import numpy as np
import pytest

from framework.diagnose.checks.training.bad_initialization import BadInitialization
from framework.diagnose.checks.training.exploding_gradients import ExplodingGradients
from framework.diagnose.core.architecture import Architecture, LayerView
from framework.diagnose.measure.initial_weights import InitialWeights, UnitActivity
from framework.diagnose.programs import model_layers


class Program:
    """A Keras model, which is the same before the first step and now."""

    def __init__(self, model, images):
        self.model = model
        model(images[:1])
        self.architecture = model_layers.architecture(model)

    def weights(self, at_initialization):
        return {weight.path: weight.numpy() for weight in self.model.weights}

    def gradients(self, split, at_initialization):
        return {each.path: np.ones(3) for each in self.model.trainable_weights}

    def activations(self, images, at_initialization, training=False):
        outputs, values = {}, np.asarray(images, np.float32) / 255
        for layer in self.model.layers:
            values = layer(values, training=training)
            outputs[layer.name] = np.asarray(values)
        return outputs


@pytest.fixture
def made(context, scans):
    """Makes a context of a model with some layers."""

    def make(*layers):
        model = keras.Sequential([keras.layers.Flatten(), *layers])
        program = Program(model, scans.train.images)
        return context(scans.train, scans.validation, program=program)

    return make


def dense(units, activation, bias=0.0):
    return keras.layers.Dense(
        units,
        activation,
        kernel_initializer=keras.initializers.HeNormal(seed=1),
        bias_initializer=keras.initializers.Constant(bias),
    )


def test_spreads_and_gradients(made):
    result = InitialWeights.measure(
        made(dense(30, "relu"), dense(30, "tanh"), dense(10, "softmax"))
    )
    assert list(result.spreads.values()) == pytest.approx([1.15] * 3, abs=0.1)
    assert result.gradient_norms == pytest.approx([3**0.5] * 3)
    assert 0.1 < result.growth < 10


def test_batch_norm_keeps_signals_from_growing(made):
    """Its moving statistics are those of nothing before the first step."""
    large = [
        keras.layers.Dense(
            30, "relu", kernel_initializer=keras.initializers.RandomNormal(0, 5, seed=1)
        )
        for _ in range(3)
    ]
    norms = [keras.layers.BatchNormalization() for _ in large]
    mixed = [layer for pair in zip(norms, large, strict=True) for layer in pair]
    head = dense(10, "softmax")
    assert InitialWeights.measure(made(*large, head)).growth > 100
    assert 0.1 < InitialWeights.measure(made(*mixed, head)).growth < 10


def test_units_that_fire_for_no_image(made):
    result = UnitActivity.measure(made(dense(30, "relu", -100.0), dense(10, None)))
    assert result == UnitActivity(1.0, 1.0)
    layers = dense(30, None, -100.0), keras.layers.ReLU(), dense(10, None)
    assert UnitActivity.measure(made(*layers)).dead == 1.0


def test_units_that_are_often_zero_are_not_dead(made):
    """Trap H6: nine of ten activations are zero, yet each unit fires for some."""
    result = UnitActivity.measure(made(dense(30, "relu", -0.3), dense(10, None)))
    assert result.dead < 0.5


def test_only_rectified_units_can_be_dead(made):
    layers = dense(30, "sigmoid", -20.0), dense(10, None, -1.0)
    assert UnitActivity.measure(made(*layers)).dead == 0.0


def test_a_model_without_kernels(made):
    context = made()
    assert InitialWeights.measure(context).spreads == {}
    for check in (ExplodingGradients(), BadInitialization()):
        assert check.suspect(context.measurements) is None


def test_a_filter_that_fires_anywhere_is_alive(context, scans):
    activations = {
        "relu": np.eye(64, dtype=np.float32)[:40].reshape(-1, 8, 8, 1),
        "last": np.zeros((9, 1)),
    }
    layers = LayerView("relu", "ReLU"), LayerView("last", "Dense", units=1)
    program = types.SimpleNamespace(
        architecture=Architecture(layers, ("ReLU", "Dense"), 0, {}),
        activations=lambda images, at_initialization: activations,
    )
    made = context(scans.train, scans.validation, program=program)
    assert UnitActivity.measure(made) == UnitActivity(0.0, 0.0)
