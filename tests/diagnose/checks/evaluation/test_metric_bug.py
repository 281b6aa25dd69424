"""Tests of framework/diagnose/ruler/reported.py."""

import numpy as np
import pytest
from framework.diagnose.detector import Measures
from framework.diagnose.ruler.reported import (
    evaluated_in_training_mode,
    measure,
    metric_bug,
    stale_evaluation_weights,
)

from framework.numerics.intervals import proportion

_REPORTED = {
    "reported/accuracy": 0.8,
    "reported/counted": 0.8,
    "reported/mean_so_far": 0.6,
    "reported/examples": 1000,
    "reported/loss": 0.5,
    "reported/counted_loss": 0.5,
}


def measures(**changes):
    changes = {f"reported/{name}": value for name, value in changes.items()}
    return Measures(_REPORTED | changes)


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
def test_fires_where_the_count_is_another(changes):
    found = metric_bug(measures(**changes))
    assert (found.cause, found.status) == ("metric_bug", "confirmed")


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
def test_silent_on_rounding_and_on_other_weights(changes):
    assert metric_bug(measures(**changes)) is None


def test_evidence_of_a_metric_that_is_never_reset():
    found = metric_bug(measures(accuracy=0.6))
    assert found.message == (
        "the reported validation accuracy is 60.0%, but 80.0% of the predictions are "
        "right: it is the mean of all evaluations so far, so the metric is never reset"
    )
    assert [(e.name, e.value, e.threshold) for e in found.evidence] == [
        ("reported accuracy", 0.6, ""),
        ("counted accuracy", 0.8, "no further than 1 of 1,000 from it"),
        ("mean of all evaluations", 0.6, ""),
    ]


def test_evidence_of_another_bug():
    assert metric_bug(measures(accuracy=0.1)).message == (
        "the reported validation accuracy is 10.0%, but 80.0% of the predictions are "
        "right"
    )


def test_without_a_reported_accuracy_nothing_is_said():
    found = measures()
    del found["reported/accuracy"]
    with pytest.raises(KeyError):
        metric_bug(found)


def stale(evaluated, trained, **changes):
    """Returns measures of so many of 1,000 images that are right."""
    right = [np.arange(1000) < count for count in (evaluated, trained)]
    found = measures(**changes)
    return found | {"live/evaluated": right[0], "live/trained": right[1]}


@pytest.mark.parametrize(("evaluated", "trained"), [(100, 900), (800, 840)])
def test_fires_where_trained_weights_are_better(evaluated, trained):
    found = stale_evaluation_weights(Measures(stale(evaluated, trained)))
    assert (found.cause, found.status) == ("stale_evaluation_weights", "confirmed")
    assert found.cost.value == pytest.approx((trained - evaluated) / 1000)


@pytest.mark.parametrize(
    ("evaluated", "trained"),
    # Trap H16: an average that does well; or that does a little worse.
    [(900, 800), (800, 800), (800, 820)],
)
def test_silent_where_the_evaluated_ones_are_as_good(evaluated, trained):
    assert stale_evaluation_weights(Measures(stale(evaluated, trained))) is None


def test_fires_where_accuracy_and_loss_are_reported_of_other_weights():
    found = Measures(stale(800, 800, accuracy=0.1, loss=2.3))
    found = stale_evaluation_weights(found)
    assert found.message == (
        "the evaluation reports an accuracy of 10.0% and a loss of 2.3; the trained "
        "weights have 80.0% and 0.5: it looks at other weights"
    )
    assert found.cost.value == pytest.approx(0.7)


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
    ],
)
def test_silent_where_not_both_are_of_other_weights(changes):
    assert stale_evaluation_weights(Measures(stale(800, 800, **changes))) is None


def test_evidence_of_stale_weights():
    found = stale_evaluation_weights(Measures(stale(100, 900)))
    assert found.message == (
        "the weights that are evaluated are right in 10.0%, those that are trained in "
        "90.0%"
    )
    (evidence,) = found.evidence
    assert evidence.value == found.cost
    assert evidence.threshold == "the interval above 0, and 3 % or more"
    assert found.remedy.flags == ("--ema=0",)


@pytest.fixture
def made(subject, scans):
    made = subject(
        scans.train,
        scans.validation,
        rows=[{"validation/accuracy": 0.25, "validation/loss": 2.0}],
    )
    made.program.loss = lambda labels, outputs: float(len(labels))
    made.program.penalty = lambda fresh: 0.5
    return made


def test_measures_what_was_reported_and_what_is_counted(made):
    found = measure(made)
    counted = made.right("validation").mean()
    reported = {k: v for k, v in found.items() if k.startswith("reported/")}
    assert reported == {
        "reported/loss": 2.0,
        "reported/counted": pytest.approx(counted),
        "reported/mean_so_far": pytest.approx(counted),
        "reported/examples": len(made.validation),
        "reported/counted_loss": len(made.validation) + 0.5,
        "reported/accuracy": 0.25,
    }


def test_an_accuracy_that_was_not_reported_is_not_measured(made):
    made.rows[0].clear()
    found = measure(made)
    assert "reported/accuracy" not in found
    assert found["reported/loss"] is None


def test_measures_both_weights(made):
    labels = made.validation.labels
    made.program.ask_live = lambda images: np.eye(10, dtype=np.float32)[labels]
    found = measure(made)
    assert found["live/trained"].all()
    assert np.array_equal(found["live/evaluated"], made.right("validation"))


def test_one_output_of_live_weights_names_one_of_two_classes(made):
    made.program.ask_live = lambda images: np.ones((len(images), 1), np.float32)
    trained = measure(made)["live/trained"]
    assert np.array_equal(trained, made.validation.labels == 1)


@pytest.mark.parametrize(
    ("training", "cause"),
    [
        (620, "train_eval_mismatch"),
        (700, "stale_evaluation_weights"),
        (None, "stale_evaluation_weights"),
    ],
)
def test_what_is_reported_may_be_training_mode(training, cause):
    made = measures(accuracy=0.6, loss=0.9)
    made |= {name: np.arange(1000) < 800 for name in ("live/evaluated", "live/trained")}
    if training is not None:
        made["matrix/validation/own/training"] = proportion(training, 1000)
    rules = (stale_evaluation_weights, evaluated_in_training_mode)
    (found,) = [each for each in (rule(made) for rule in rules) if each]
    assert (found.cause, found.status) == (cause, "confirmed")
    assert found.cost.value == pytest.approx(0.2)


def test_evidence_of_training_mode_in_evaluation():
    made = measures(accuracy=0.6, loss=0.9)
    made["matrix/validation/own/training"] = proportion(620, 1000)
    found = evaluated_in_training_mode(made)
    assert found.message == (
        "the reported validation accuracy is 60.0%, as in training mode, but 80.0% of "
        "the images are right in evaluation mode"
    )
    assert [each.threshold for each in found.evidence] == [
        "",
        "the reported one lies within",
        "3% or more above the reported one",
    ]
    assert evaluated_in_training_mode(measures()) is None
