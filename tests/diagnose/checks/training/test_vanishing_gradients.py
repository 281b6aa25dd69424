"""Tests of framework/diagnose/checks/training/vanishing_gradients.py."""

import pytest

from framework.diagnose.checks.training.vanishing_gradients import VanishingGradients
from framework.diagnose.measure.initial_weights import InitialWeights
from framework.diagnose.measure.regularization import Activations


@pytest.fixture
def suspicion(measured):
    """Returns the suspicion of gradients and activations."""

    def suspect(norms=(0.5, 0.7, 1.0), saturating=0, softmax=0):
        weights = InitialWeights({}, tuple(norms), 1.1)
        made = measured(weights, Activations(saturating, softmax))
        return VanishingGradients().suspect(made)

    return suspect


@pytest.mark.parametrize(
    ("norms", "saturating", "is_suspected"),
    [
        ([0.5, 0.7, 1.0], 0, False),
        ([1e-6, 1e-3, 1.0], 0, True),
        ([5e-5, 1e-3, 1e-2], 0, True),
        ([0.05, 0.5, 1.0], 3, True),
        ([0.05, 0.5, 1.0], 2, False),
        ([0.05, 0.5, 1.0], 0, False),
        # Of two layers none is deep.
        ([1e-6, 1.0], 2, False),
        ([0.0, 0.0, 0.0], 0, True),
    ],
)
def test_gradients_that_vanish(suspicion, norms, saturating, is_suspected):
    assert (suspicion(norms, saturating) is not None) is is_suspected


def test_a_hidden_softmax_is_suspected(suspicion):
    message = suspicion(saturating=1, softmax=1).message
    assert message.endswith("1 hidden layers saturate, 1 of them a softmax")


def test_evidence_and_remedy(suspicion):
    result = suspicion([1e-4, 0.1, 0.5], saturating=4)
    assert not result.is_certain
    assert result.message == (
        "at the first step the first layer has a gradient of 0.0001, 0.0002 times that "
        "of the last; 4 hidden layers saturate, 0 of them a softmax"
    )
    (evidence,) = result.evidence
    assert evidence.value == pytest.approx(2e-4)
    assert str(evidence.threshold) == (
        "below 0.001; or 0.1 where three layers saturate, or a softmax"
    )
    differences = result.intervention.differences()
    assert differences == {"reinitialize": True, "activation": "relu"}
