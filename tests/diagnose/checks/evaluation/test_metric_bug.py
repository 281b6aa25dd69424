"""Tests of framework/diagnose/checks/evaluation/metric_bug.py."""

import pytest

from framework.diagnose.checks.evaluation.metric_bug import MetricBug


@pytest.fixture
def check(judged, reported):
    """Returns the finding for metrics, some of them replaced."""
    return lambda **changes: judged(MetricBug(), reported(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        # A metric that is not of these predictions, though the loss is.
        {"accuracy": 0.1},
        {"accuracy": 1.0},
        {"accuracy": 0.8021},
        {"accuracy": 0.1, "loss": None},
        {"accuracy": 0.1, "loss": 0.51, "counted_loss": 0.5},
        # Weights that are worse have no lower loss.
        {"accuracy": 0.7, "loss": 0.4},
        # Never reset: the loss may be another one as well.
        {"accuracy": 0.6, "loss": 0.9},
        {"accuracy": 0.605, "loss": 0.9},
    ],
)
def test_confirmed_where_the_count_differs(check, changes):
    finding = check(**changes)
    assert (finding.cause.name, finding.status) == ("metric_bug", "confirmed")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # One image more or less is rounding.
        {"accuracy": 0.801},
        {"accuracy": 0.7991},
        # Other weights were evaluated (an average: trap H16): that is another cause.
        {"accuracy": 0.1, "loss": 2.3},
        {"accuracy": 0.1, "loss": float("nan")},
    ],
)
def test_silent_on_rounding_and_on_other_weights(check, changes):
    assert check(**changes) is None


def test_evidence_of_a_metric_that_is_never_reset(check):
    finding = check(accuracy=0.6)
    assert finding.message == (
        "the reported validation accuracy is 60.0%, but 80.0% of the predictions are "
        "right: it is the mean of all evaluations so far; the metric is not reset"
    )
    assert [
        (each.name, each.value, str(each.threshold)) for each in finding.evidence
    ] == [
        ("reported accuracy", 0.6, ""),
        ("counted accuracy", 0.8, "no further than 1 of 1,000 from it"),
        ("mean of all evaluations", 0.6, ""),
    ]


def test_message_of_another_bug(check):
    assert check(accuracy=0.1).message == (
        "the reported validation accuracy is 10.0%, but 80.0% of the predictions are "
        "right"
    )


def test_silent_without_a_reported_accuracy(check):
    assert check(accuracy=None) is None
