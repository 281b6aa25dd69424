"""Tests of benchmarks/diagnosis_cost.py."""

import pytest

from benchmarks.diagnosis_cost import CASES, Cost, measure
from framework.data import build


def test_ratios_are_multiples_of_the_training():
    cost = Cost(training=60.0, measuring=30.0, trials=45.0, first="")
    assert cost.ratios == pytest.approx((0.5, 0.75, 1.25))


@pytest.mark.extended
def test_all_seconds_of_a_diagnosis_are_counted():
    digits = build("digits")
    train, validation = digits.train, digits.validation
    cost = measure(next(iter(CASES)), train, validation, 10, epochs=1, budget="0")
    assert min(cost.training, cost.measuring) > 0
