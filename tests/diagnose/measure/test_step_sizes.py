"""Tests of framework/diagnose/measure/step_sizes.py."""

import math
import types

import pytest

from framework.diagnose.core.program import StepRecord
from framework.diagnose.measure.step_sizes import StepSizes


def sizes(records, rows=({"train/loss": 1.0, "step": 320},), **changes):
    program = types.SimpleNamespace(
        step_records=lambda count, at_initialization: records
    )
    settings = types.SimpleNamespace(
        **{"highest_rate": 0.5, "diverged_in": 0, **changes}
    )
    made = types.SimpleNamespace(program=program, rows=rows, settings=settings)
    return StepSizes.measure(made)


def test_measures_the_median_step():
    records = [StepRecord(2.0, 1.0, length) for length in (1e-3, 1e-2)]
    result = sizes([*records, StepRecord(1.0, 1.5, 0.1)])
    assert result.initial == pytest.approx(-3)
    assert result.first == result.next == pytest.approx(-2)
    assert result.longest == pytest.approx(-1)
    assert result.next_overshoot == pytest.approx(1 / 3)
    assert (result.has_diverged, result.steps) == (False, 320)


def test_steps_that_end_nowhere_are_long_and_overshoot():
    result = sizes([StepRecord(1.0, math.nan, math.nan)] * 3)
    assert result.next == pytest.approx(9)
    assert result.next_overshoot == 1.0


def test_steps_of_no_length():
    result = sizes([StepRecord(1.0, 1.0, 0.0)] * 3)
    assert result.next == pytest.approx(-30)
    assert result.next_overshoot == 0.0


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_has_diverged(loss):
    rows = ({"train/loss": loss, "step": 10}, {"train/loss": 1.0, "step": 20})
    assert sizes([StepRecord(1.0, 1.0, 0.1)], rows).has_diverged


@pytest.mark.parametrize(
    ("rates", "left", "is_annealed"),
    [
        ((0.5, 0.05, 0.05), 0.1, False),
        ((0.5, 1e-4, 1e-5), 2e-4, False),
        # Cosines and the like end at nothing.
        ((0.5, 0.25, 0.0), 0.5, True),
        ((0.6,), 1.0, False),
        ((None,), 1.0, False),
    ],
)
def test_what_a_schedule_has_left(rates, left, is_annealed):
    rows = [{"train/loss": 1.0, "step": 10, "learning_rate": each} for each in rates]
    if rates == (None,):
        del rows[0]["learning_rate"]
    result = sizes([StepRecord(1.0, 1.0, 0.1)], rows)
    assert result.rate_left == pytest.approx(left)
    assert result.is_annealed is is_annealed


def test_a_run_that_has_ended_so_has_diverged():
    assert sizes([StepRecord(1.0, 1.0, 0.1)], diverged_in=4).has_diverged


@pytest.mark.parametrize("rate", [-1000.0, 0.0])
def test_a_rate_that_is_not_positive_falls_to_nothing(rate):
    rows = [{"train/loss": 1.0, "step": 10, "learning_rate": rate}] * 3
    result = sizes([StepRecord(1.0, 1.0, 0.1)], rows, highest_rate=rate)
    assert (result.rate_left, result.has_fallen) == (1.0, False)
