"""Tests of framework/diagnose/checks/training/wrong_variables.py."""

import pytest

from framework.diagnose.checks.training.wrong_variables import WrongVariables
from framework.diagnose.measure.updates import LossGradients, UpdateVectors

_GRADIENTS = LossGradients({"a/kernel": 1.0, "a/bias": 0.1, "b/kernel": 2.0}, (), {})


@pytest.fixture
def suspicion(measured):
    """Returns the suspicion of a step."""

    def suspect(unmoved=(), cosines=(1.0, 1.0)):
        updates = UpdateVectors(tuple(unmoved), (1.0, 1.0), tuple(cosines))
        return WrongVariables().suspect(measured(_GRADIENTS, updates))

    return suspect


def test_silent_on_usual_steps(suspicion):
    assert suspicion() is None


def test_weights_that_a_step_leaves_alone(suspicion):
    result = suspicion(["a/kernel", "a/bias"])
    assert not result.is_certain
    assert result.message == (
        "a training step does not move 2 of 3 weights that the loss depends on: "
        "a/kernel, a/bias"
    )
    assert [(e.value, str(e.threshold)) for e in result.evidence] == [
        (2.0, "above 0"),
        (1.0, "below -0.5"),
    ]
    assert result.intervention.differences() == {"keras_step": True}


def test_uphill_is_wrong_as_well(suspicion):
    message = "a training step moves the weights up the gradient, not down"
    assert suspicion(cosines=[-1.0, -0.9]).message == message
    # One step of two may be noise, as with much dropout.
    assert suspicion(cosines=[-1.0, 0.4]) is None
    assert suspicion(cosines=[]) is None
