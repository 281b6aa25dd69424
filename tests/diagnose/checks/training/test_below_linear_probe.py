"""Tests of framework/diagnose/checks/training/below_linear_probe.py."""

import pytest

from framework.diagnose.checks.training.below_linear_probe import BelowLinearProbe
from framework.diagnose.measure.loop_behaviour import LinearReference
from framework.numerics.intervals import Estimate


@pytest.mark.parametrize(
    ("low", "fires"), [(0.4, True), (0.04, True), (0.02, False), (-0.3, False)]
)
def test_a_loop_below_a_probe_is_named(measured, accuracy, low, fires):
    gain = Estimate(low + 0.05, low, low + 0.1)
    known = LinearReference(images=500, linear=0.9, own=0.85 - low, gain=gain)
    result = BelowLinearProbe().suspect(measured(known, accuracy(clean=600)))
    assert (result is not None) == fires
    if fires:
        assert result.message.startswith("cannot tell why: the loop has")
        assert result.cost == gain


def test_a_loop_that_has_learnt_its_images_trains(measured, accuracy):
    gain = Estimate(0.06, 0.04, 0.08)
    known = LinearReference(images=500, linear=0.96, own=0.9, gain=gain)
    for clean, fires in ((980, False), (900, True)):
        result = BelowLinearProbe().suspect(measured(known, accuracy(clean=clean)))
        assert (result is not None) == fires
