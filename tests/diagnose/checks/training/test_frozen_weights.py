"""Tests of framework/diagnose/checks/training/frozen_weights.py."""

import pytest

from framework.diagnose.checks.training.frozen_weights import FrozenWeights
from framework.diagnose.core.check import examine
from framework.diagnose.measure.updates import LossGradients

_USUAL = {"a/kernel": 1.0, "a/bias": 0.1, "b/kernel": 2.0}
_WITHOUT = {"a/kernel": None, "a/bias": None, "b/kernel": 2.0}


@pytest.fixture
def finding(measured, accuracy, no_trials):
    """Returns the finding of gradients."""

    def find(norms, untrained=(), fixed=None, clean=700):
        gradients = LossGradients(norms, tuple(untrained), fixed or {})
        return examine(FrozenWeights(), measured(gradients, accuracy(clean)), no_trials)

    return find


def test_silent_on_usual_gradients(finding):
    assert finding(_USUAL) is None


def test_weights_without_a_gradient_are_frozen(finding):
    result = finding(_WITHOUT)
    assert (result.cause.name, result.status) == ("frozen_weights", "suspected")
    assert result.message == "the loss does not depend on 2 weights: a/kernel, a/bias"
    assert result.remedy.intervention.differences() == {"unfreeze": True}


@pytest.mark.parametrize(("clean", "status"), [(700, "confirmed"), (990, "suspected")])
def test_random_features_without_a_gradient_are_certain(
    finding, no_trials, clean, status
):
    result = finding(_WITHOUT, ["a/kernel"], clean=clean)
    assert result.status == status
    assert result.message == (
        "outputs depend on, but no gradient has ever come to 2 weights: a/kernel, "
        "a/bias"
    )
    assert bool(no_trials.applied) == (status == "confirmed")


def test_kernels_that_are_declared_frozen_are_only_suspected(finding):
    """Trap H9: a frozen backbone is right where it was trained before."""
    result = finding(_USUAL, fixed={"a/kernel": 64})
    assert result.status == "suspected"
    assert result.message == "training leaves alone 1 weights: a/kernel"
    assert [(e.name, e.value) for e in result.evidence] == [
        ("weights without a gradient", 0.0),
        ("those that outputs depend on, beside biases of exactly 0", 0.0),
        ("kernels declared not trainable", 1.0),
    ]


def test_a_gradient_of_zero_is_a_gradient(finding):
    """Traps H7 and H8: initial zeros, and biases that a norm cancels."""
    assert finding({"a/kernel": 0.0, "a/bias": 0.0, "b/kernel": 2.0}) is None
