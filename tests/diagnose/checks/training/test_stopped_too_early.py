"""Tests of framework/diagnose/checks/training/stopped_too_early.py."""

import pytest

from framework.config import Config
from framework.diagnose.checks.training.stopped_too_early import StoppedTooEarly
from framework.diagnose.measure.forecast import Forecast
from framework.diagnose.measure.regularization import Capacity
from framework.numerics.intervals import Estimate


@pytest.mark.parametrize(
    ("verdict", "evaluations", "clean", "is_suspected"),
    [
        ("improving", 30, 990, True),
        # So few evaluations cannot tell.
        ("unresolvable", 3, 990, True),
        # What is not learnt may need time, or size.
        ("static", 10, 700, True),
        # Trap H29: stopped early on purpose, once nothing moved.
        ("static", 10, 900, False),
        ("ceiling", 30, 990, False),
    ],
)
def test_where_more_time_may_help(
    measured, accuracy, plateau, verdict, evaluations, clean, is_suspected
):
    made = measured(
        accuracy(clean, clean - 20), plateau(verdict, evaluations), Capacity(32, 12_345)
    )
    assert (StoppedTooEarly().suspect(made) is not None) is is_suspected


@pytest.mark.parametrize(
    ("high", "rate_left", "verdict", "is_suspected"),
    [
        (0.02, 1.0, "static", False),
        # It may still gain what is asked for.
        (0.06, 1.0, "static", True),
        # A rate that has fallen to nothing makes any curve flat.
        (0.02, 0.01, "static", True),
        (0.02, 1.0, "improving", True),
    ],
)
def test_a_flat_curve_is_not_in_want_of_time(
    measured, accuracy, plateau, steps, high, rate_left, verdict, is_suspected
):
    made = measured(
        accuracy(700, 680),
        plateau(verdict, 30),
        Capacity(32, 12_345),
        Forecast(Estimate(0.0, -0.02, high), 10),
        steps(rate_left=rate_left),
    )
    assert (StoppedTooEarly().suspect(made) is not None) is is_suspected


def test_evidence(measured, accuracy, plateau):
    made = measured(accuracy(), plateau("improving"), Capacity(32, 12_345), epochs=10)
    suspicion = StoppedTooEarly().suspect(made)
    assert suspicion.message == (
        "the run ended after 10 epochs, with a trend of +8.0% over the last 5 "
        "evaluations"
    )
    (evidence,) = suspicion.evidence
    assert evidence.value == 0.08
    assert str(evidence.threshold).startswith(
        "above 0, with p below 0.05; or 4 evaluations"
    )
    assert evidence.source.endswith("p = 0.012")


def test_a_rising_curve_has_a_forecast(measured, accuracy, plateau):
    forecast = Forecast(Estimate(0.04, 0.025, 0.06), 10)
    known = accuracy(), plateau("improving"), Capacity(32, 12_345), forecast
    suspicion = StoppedTooEarly().suspect(measured(*known, epochs=10))
    end = "twice as many would give +4.0 points (2.5 to 6.0)"
    assert suspicion.message.endswith(end)
    assert suspicion.evidence[1].value == forecast.gain
    assert suspicion.intervention.flags(Config()) == ("--train_for=40ep",)
