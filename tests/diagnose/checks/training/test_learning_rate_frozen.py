"""Tests of framework/diagnose/checks/training/learning_rate_frozen.py."""

import math

import pytest

from framework.diagnose.checks.training.learning_rate_frozen import LearningRateFrozen
from framework.diagnose.core.check import examine
from framework.diagnose.measure.updates import RateResponse


def test_a_learning_rate_that_does_not_act(measured, no_trials):
    finding = examine(LearningRateFrozen(), measured(RateResponse(1.0)), no_trials)
    assert (finding.cause.name, finding.status) == ("learning_rate_frozen", "confirmed")
    assert finding.message == (
        "with a tenth of the learning rate a step moves the weights 1 times as far: "
        "the rate that acts is not the optimizer's, so no schedule and no plateau "
        "reducer has any effect"
    )
    (evidence,) = finding.evidence
    assert (evidence.value, str(evidence.threshold)) == (
        1.0,
        "above 0.5; it should be 0.1",
    )


@pytest.mark.parametrize("slower", [0.1, 0.13, 0.0, 0.5, math.nan])
def test_silent_on_a_rate_that_acts(measured, slower):
    assert LearningRateFrozen().suspect(measured(RateResponse(slower))) is None
