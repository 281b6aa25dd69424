"""Tests of framework/diagnose/measure/updates.py."""

import types

import keras
import numpy as np
import pytest
from keras.initializers import Constant

from framework.diagnose.checks.training.wrong_variables import WrongVariables
from framework.diagnose.core.architecture import Architecture
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.measure.updates import (
    LossGradients,
    RateResponse,
    UpdateVectors,
)
from framework.diagnose.programs import model_edits, model_layers


class Program:
    """Two weights whose gradient is 1 and 2; what a step applies is given."""

    architecture = Architecture((), (), 0, {"c/kernel": 8, "words/embeddings": 18})

    def __init__(self, factors=(1.0, 1.0), slower=0.1):
        self.factors, self.slower = factors, slower

    def gradients(self, split, at_initialization):
        return {"a/kernel": np.ones(2), "b/kernel": np.full(3, 2.0), "d": None}

    def weights(self, at_initialization):
        return {"a/kernel": np.ones(2), "b/kernel": np.zeros(3), "d": np.ones(1)}

    def update_vectors(self, split):
        gradients = self.gradients(split, True)
        return {
            name: factor * gradients[name]
            for name, factor in zip(("a/kernel", "b/kernel"), self.factors, strict=True)
        }

    def update_norm(self, split, rate_factor):
        return 1.0 if rate_factor == 1.0 else self.slower


@pytest.fixture
def made(context, scans):
    """Makes a context of a program."""
    return lambda program: context(scans.train, scans.validation, program=program)


def test_gradients_of_the_loss(made):
    result = LossGradients.measure(made(Program()))
    norms = {"a/kernel": 2**0.5, "b/kernel": 12**0.5, "d": None}
    assert result.norms == pytest.approx(norms)
    assert result.without_gradient == ("d",)
    assert result.untrained == ()
    assert result.fixed == {"c/kernel": 8, "words/embeddings": 18}


@pytest.mark.parametrize(
    ("weights", "is_pretrained"),
    [
        ({"c/bias": np.array([0.1, -0.2])}, True),
        ({"norm/moving_mean": np.array([0.0, 0.3])}, True),
        # A constant is an initial value, and other layers say nothing of this one.
        ({"c/bias": np.full(2, -1.0), "a/bias": np.array([0.1, -0.2])}, False),
        ({"norm/moving_mean": np.zeros(2)}, False),
    ],
)
def test_pretrained_weights_are_meant_to_be_frozen(made, weights, is_pretrained):
    program = Program()
    program.weights = lambda at_initialization: weights
    gradients = LossGradients.measure(made(program))
    assert (gradients.fixed == {}) == is_pretrained
    assert bool(gradients.pretrained) == is_pretrained


def test_steps_that_follow_the_gradient(made):
    result = UpdateVectors.measure(made(Program()))
    assert result.unmoved == ()
    assert result.scales == pytest.approx([1, 1])
    assert result.cosines == pytest.approx([1, 1])
    assert RateResponse.measure(made(Program())).slower == 0.1


def test_steps_that_do_not(made):
    program = Program((0.0, 8.0), 1.0)
    result = UpdateVectors.measure(made(program))
    assert result.unmoved == ("a/kernel",)
    assert result.scales == pytest.approx([8, 8])
    assert RateResponse.measure(made(program)).slower == 1.0
    result = UpdateVectors.measure(made(Program((-1.0, -1.0))))
    assert result.cosines == pytest.approx([-1, -1])


def test_a_step_that_moves_nothing_at_all(made):
    program = Program((0.0, 0.0))
    program.update_norm = lambda split, rate_factor: 0.0
    measured = made(program).measurements
    result = measured.get(UpdateVectors)
    assert result.unmoved == ("a/kernel", "b/kernel")
    assert result.scales == result.cosines == ()
    assert measured.find(RateResponse) is None
    assert not WrongVariables().suspect(measured).is_certain


def test_steps_of_the_framework_itself_are_not_measured(made):
    def cannot(*_):
        raise NotApplicableError("the step is the framework's")

    program = Program()
    program.update_vectors = program.update_norm = cannot
    measured = made(program).measurements
    assert measured.find(UpdateVectors) is measured.find(RateResponse) is None
    assert not any(each.is_failure for each in measured.unavailable)
    fixed = measured.get(LossGradients).fixed
    assert fixed == {"c/kernel": 8, "words/embeddings": 18}


def test_a_step_that_fails_leaves_the_gradients(made):
    """A step of the user's own may need its own optimizer, and fail in any way."""

    def fail(split):
        raise ValueError("no optimizer")

    program = Program()
    program.update_vectors = fail
    measured = made(program).measurements
    assert measured.find(UpdateVectors) is None
    assert measured.find(RateResponse).slower == 0.1
    assert [each.is_failure for each in measured.unavailable] == [True]


@pytest.mark.parametrize(("bias", "untrained"), [(0.0, ("dense/kernel",)), (0.1, ())])
def test_what_was_never_trained_and_gets_no_gradient(made, bias, untrained):
    layers = keras.layers
    first = layers.Dense(8, "relu", name="dense", bias_initializer=Constant(bias))
    unused = layers.Dense(8, name="unused")
    inputs = keras.Input((64,))
    unused(inputs)
    model = keras.Model(inputs, layers.Dense(10, name="head")(first(inputs)))

    def predict(images):
        return model(images.reshape(-1, 64).astype(np.float32)).numpy()

    program = types.SimpleNamespace(
        architecture=model_layers.architecture(model),
        gradients=lambda split, at_initialization: {
            weight.path: None for weight in first.weights
        },
        weights=lambda at_initialization: {
            weight.path: weight.numpy() for weight in model.weights
        },
        depends_on=lambda images, names: model_edits.dependent_kernels(
            model, predict, images, names
        ),
    )
    before = [weight.numpy() for weight in model.weights]
    assert LossGradients.measure(made(program)).untrained == untrained
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
