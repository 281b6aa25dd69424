"""Tests of framework/diagnose/checks/training/frozen_weights.py."""

import dataclasses

import pytest

from framework.diagnose.checks.training.frozen_weights import (
    FrozenWeights,
    UnsuitedFrozenWeights,
)
from framework.diagnose.core.check import Suspicion, examine
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.measure.label_signal import LabelSignal
from framework.diagnose.measure.plateau import Plateau
from framework.diagnose.measure.probe import Signal
from framework.diagnose.measure.updates import LossGradients
from framework.numerics.intervals import proportion

_USUAL = {"a/kernel": 1.0, "a/bias": 0.1, "b/kernel": 2.0}
_CURVE = Plateau(
    verdict="static",
    reason="",
    accuracy=proportion(440, 1000),
    evaluations=15,
    window=5,
    change=0.0,
    p=1.0,
    churn=0.0,
    p_pair=1.0,
    detectable=0.05,
    gap=None,
)
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


@pytest.mark.parametrize(
    ("pretrained", "clean", "right", "verdict", "is_suspected"),
    [
        ({"base/kernel": 64}, 480, 750, "static", True),
        # What they have learnt elsewhere shows these classes as well.
        ({"base/kernel": 64}, 780, 750, "static", False),
        # To leave them is a choice.
        ({"base/kernel": 64}, 910, 980, "static", False),
        # The head is still learning.
        ({"base/kernel": 64}, 480, 750, "improving", False),
        # The probe sees no more: such images are hard.
        ({"base/kernel": 64}, 480, 490, "static", False),
        ({}, 480, 750, "static", False),
    ],
)
def test_pretrained_weights_that_do_not_suit(
    measured, accuracy, no_trials, pretrained, clean, right, verdict, is_suspected
):
    signal = Signal(proportion(right, 1000), 0.25, 30.0, "linear probe")
    known = (
        LossGradients(_USUAL, (), {}, pretrained),
        accuracy(clean),
        LabelSignal({"train": signal, "validation": signal}, {}, {}),
        dataclasses.replace(_CURVE, verdict=verdict),
    )
    result = examine(UnsuitedFrozenWeights(), measured(*known), no_trials)
    assert (result is not None) == is_suspected
    if is_suspected:
        assert (result.cause.name, result.status) == ("frozen_weights", "suspected")
        assert "1 pretrained weights are frozen (base/kernel)" in result.message
        assert result.remedy.intervention.differences() == {"unfreeze": True}


@pytest.mark.parametrize(("affordable", "lengths"), [(True, 3.0), (False, 1.0)])
def test_unsuited_weights_are_tried_as_long_as_the_run(
    monkeypatch, measured, no_trials, affordable, lengths
):
    tried = []
    monkeypatch.setattr(no_trials, "can_afford", lambda count=1.0: affordable)
    monkeypatch.setattr(no_trials, "run", lambda *arguments: tried.append(arguments))
    suspicion = Suspicion("", (), "", "", Intervention(unfreeze=True))
    UnsuitedFrozenWeights().decide(suspicion, measured(), no_trials)
    assert tried == [("frozen_weights", suspicion.intervention, lengths)]
