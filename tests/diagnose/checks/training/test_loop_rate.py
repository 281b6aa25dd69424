"""Tests of framework/diagnose/checks/training/loop_rate.py."""

import pytest

from framework.diagnose.checks.training.learning_rate_too_high import LoopRateTooHigh
from framework.diagnose.checks.training.learning_rate_too_low import LoopRateTooLow
from framework.diagnose.measure.loop_behaviour import LinearReference
from framework.numerics.intervals import Estimate


@pytest.mark.parametrize(
    ("check", "factor"), [(LoopRateTooLow(), 30.0), (LoopRateTooHigh(), 1 / 30)]
)
@pytest.mark.parametrize(
    ("clean", "low", "fires"), [(300, 0.4, True), (300, 0.01, False), (990, 0.4, False)]
)
def test_another_rate_is_tried_where_little_is_learnt(
    measured, accuracy, check, factor, clean, low, fires
):
    gain = Estimate(low + 0.05, low, low + 0.1)
    known = LinearReference(images=500, linear=0.9, own=0.85 - low, gain=gain)
    result = check.suspect(measured(known, accuracy(clean=clean)))
    assert (result is not None) == fires
    if fires:
        assert not result.is_certain
        assert result.intervention.learning_rate_factor == factor
