"""Tests of framework/diagnose/checks/evaluation/stale_evaluation_weights.py."""

import pytest

from framework.config import Config
from framework.diagnose.checks.evaluation.stale_evaluation_weights import (
    StaleEvaluationWeights,
)


@pytest.fixture
def check(judged, reported, weights):
    """Returns the finding for weights and metrics."""

    def run(evaluated=800, live=800, config=None, **changes):
        known = weights(evaluated, live), reported(**changes)
        return judged(StaleEvaluationWeights(), *known, config=config)

    return run


@pytest.mark.parametrize(("evaluated", "live"), [(100, 900), (800, 840)])
def test_confirmed_where_trained_weights_are_better(check, evaluated, live):
    finding = check(evaluated, live)
    assert finding.cause.name == "stale_evaluation_weights"
    assert finding.status == "confirmed"
    assert finding.cost.value == pytest.approx((live - evaluated) / 1000)


@pytest.mark.parametrize(
    ("evaluated", "live"),
    # Trap H16: an average that does well; or that does a little worse.
    [(900, 800), (800, 800), (800, 820)],
)
def test_silent_where_the_evaluated_ones_are_as_good(check, evaluated, live):
    assert check(evaluated, live) is None


def test_confirmed_where_accuracy_and_loss_are_reported_of_other_weights(check):
    finding = check(accuracy=0.1, loss=2.3)
    assert finding.message == (
        "the evaluation reports an accuracy of 10.0% and a loss of 2.3; the trained "
        "weights have 80.0% and 0.5: it evaluates other weights"
    )
    assert finding.cost.value == pytest.approx(0.7)


@pytest.mark.parametrize(
    "changes",
    [
        # Both are not off.
        {"accuracy": 0.1, "loss": 0.5},
        {"accuracy": 0.8, "loss": 2.3},
        # Better than counted: no reason to complain of the weights.
        {"accuracy": 1.0, "loss": 0.1},
        {"accuracy": 0.79, "loss": 2.3},
        {"accuracy": 0.1, "loss": None},
        {"accuracy": None, "loss": 2.3},
    ],
)
def test_silent_where_not_both_are_of_other_weights(check, changes):
    assert check(**changes) is None


def test_evidence_and_message(check):
    finding = check(100, 900)
    assert finding.message == (
        "the weights that are evaluated are right in 10.0%, those that are trained in "
        "90.0%"
    )
    (evidence,) = finding.evidence
    assert evidence.value == finding.cost
    assert str(evidence.threshold) == "the interval above 0, and 3 points or more"


@pytest.mark.parametrize(
    ("config", "is_named"),
    [(None, False), (Config(), False), (Config(ema=0.999), True)],
)
def test_the_flag_of_the_average_is_named_where_there_is_one(check, config, is_named):
    text = check(100, 900, config).remedy.text
    assert ("--ema=0" in text) == is_named
