"""Tests of framework/diagnose/programs/prolonging.py."""

import pytest

from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs.prolonging import USEFUL, places, prolonged


@pytest.mark.parametrize(
    ("before", "after", "constant"),
    [
        ([0.1] * 3, [0.1] * 3, 0.0),
        ([0.0, 0.4, 0.2], [0.09, 0.0], 0.0),
        ([0.0, 0.4, 0.2], [0.07, 0.0], USEFUL * 0.4),
        ([0.4, 1e-8], [1e-8], USEFUL * 0.4),
    ],
)
def test_training_goes_on_at_a_useful_rate(before, after, constant):
    intervention = prolonged(1.5, before, after)
    assert intervention.train_for_factor == 1.5
    assert intervention.constant_learning_rate == pytest.approx(constant)


@pytest.mark.parametrize("before", [[], [0.0], [-1.0]])
def test_without_a_positive_rate_nothing_can_be_trained(before):
    with pytest.raises(NotApplicableError):
        prolonged(2.0, before, [0.1])


def test_places_are_within_the_steps():
    assert places(0, 0) == [0]
    assert places(5, 8) == [5, 6, 7]
    many = places(10, 10_000)
    assert (many[0], many[-1], len(many)) == (10, 9_999, 100)
