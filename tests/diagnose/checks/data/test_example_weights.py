"""Tests of framework/diagnose/checks/data/example_weights.py."""

import pytest

from framework.diagnose.checks.data.example_weights import ExampleWeightsCancel
from framework.diagnose.measure.example_weights import ExampleWeights


@pytest.fixture
def suspicion(measured):
    def suspect(**changes):
        fields = {
            "examples": 100,
            "not_finite": 0,
            "negative": 0,
            "zero": 0,
            "cancelled": 0,
            "cancelled_names": "",
            "cancelled_examples": 0.0,
            "effective": 1.0,
        }
        weights = ExampleWeights(**{**fields, **changes})
        return ExampleWeightsCancel().suspect(measured(weights))

    return suspect


@pytest.mark.parametrize(
    ("changes", "is_certain", "message"),
    [
        ({"not_finite": 1}, True, "1 of 100 weights of training examples are not fin"),
        ({"negative": 2}, True, "2 of 100 weights of training examples are negative"),
        ({"zero": 100, "effective": 0.0}, True, "weights of all training examples"),
        ({"cancelled": 1, "cancelled_names": "cat"}, False, "weights leave out cat"),
        ({"effective": 0.05}, False, "count as 5.0% of their number"),
    ],
)
def test_weights_that_cancel_examples_are_suspected(
    suspicion, changes, is_certain, message
):
    result = suspicion(**changes)
    assert message in result.message
    # Only what is no weight at all needs no trial.
    assert result.is_certain == is_certain
    assert result.intervention.differences() == {"unweighted": True}


@pytest.mark.parametrize("changes", [{}, {"zero": 10}, {"effective": 0.2}])
def test_usual_weights_are_not(suspicion, changes):
    assert suspicion(**changes) is None
