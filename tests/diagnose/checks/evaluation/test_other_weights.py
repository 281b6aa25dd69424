"""Tests of framework/diagnose/checks/evaluation/other_weights.py."""

import pytest

from framework.diagnose.checks.evaluation import other_weights


@pytest.mark.parametrize(
    ("accuracy", "loss", "examples", "expected"),
    [
        (0.6, 0.9, 1000, True),
        # No more than 3 points, or than one by the root of the images.
        (0.775, 0.9, 10_000, False),
        (0.76, 0.9, 10_000, True),
        (0.72, 0.9, 100, False),
        # The loss does not agree.
        (0.6, 0.5, 1000, False),
        (0.6, None, 1000, False),
        (None, 0.9, 1000, False),
    ],
)
def test_accuracy_and_loss_must_both_be_worse(
    reported, accuracy, loss, examples, expected
):
    metrics = reported(accuracy=accuracy, loss=loss, examples=examples)
    assert other_weights.are_reported(metrics) == expected


def test_training_mode_is_that_of_the_cross_evaluation(
    measured, reported, training_mode
):
    metrics = reported(accuracy=0.6)
    near, far = measured(training_mode(610)), measured(training_mode(700))
    assert other_weights.are_in_training_mode(near, metrics)
    assert not other_weights.are_in_training_mode(far, metrics)
    assert not other_weights.are_in_training_mode(measured(), metrics)
    assert not other_weights.are_in_training_mode(near, reported(accuracy=None))


def test_the_shortfall_is_paired(reported):
    shortfall = other_weights.shortfall(reported(accuracy=0.6))
    assert shortfall.value == pytest.approx(0.2)
    assert 0.15 < shortfall.low < shortfall.high < 0.25
