"""Tests of framework/diagnose/checks/training/over_regularized.py."""

import pytest

from framework.diagnose.checks.training.over_regularized import OverRegularized
from framework.diagnose.measure.regularization import Regularization
from framework.diagnose.measure.train_eval_modes import TrainEvalModes
from framework.numerics.intervals import Estimate

_SETTINGS = {"learning_rate": 0.01, "epochs": 10.0, "steps_per_epoch": 100}


def regularization(**changes):
    fields = {
        "dropout": 0.2,
        "penalty": 0.1,
        "augment": "",
        "train_accuracy": 0.7,
        "has_images": True,
        "has_colors": False,
    }
    return Regularization(**{**fields, **changes})


@pytest.fixture
def suspicion(measured, accuracy):
    """Returns the suspicion of a training: `suspicion(changes, **accuracies)`."""

    def suspect(changes=None, settings=None, **accuracies):
        known = regularization(**(changes or {})), accuracy(**accuracies)
        settings = {**_SETTINGS, "weight_decay": 0.01, **(settings or {})}
        return OverRegularized().suspect(measured(*known, **settings))

    return suspect


@pytest.mark.parametrize(
    ("changes", "settings", "majority", "reason"),
    [
        ({"dropout": 0.9}, {}, 0.1, "dropout of 0.9"),
        ({"penalty": 5.0}, {}, 0.1, "a penalty of weights of 5"),
        ({}, {"weight_decay": 1.0}, 0.1, "weight decay of 1"),
        (
            {"augment": "rotate(90)", "train_accuracy": 0.4},
            {},
            0.1,
            "augmentation rotate(90)",
        ),
        # Where nothing is learnt, training images are no better without it.
        (
            {"dropout": 0.5, "kept": 0.3},
            {},
            0.65,
            "dropout of up to 0.5 in several layers, which together keep 30% of the "
            "values",
        ),
        ({"augment": "flip"}, {}, 0.65, "augmentation flip"),
        (
            {"dropout": 0.9, "penalty": 5.0},
            {},
            0.1,
            "dropout of 0.9 and a penalty of weights of 5",
        ),
    ],
)
def test_what_keeps_a_model_from_learning(
    suspicion, changes, settings, majority, reason
):
    result = suspicion(changes, settings, majority=majority)
    assert not result.is_certain
    assert result.message == (
        f"only 70.0% of the training images are learnt, and there is {reason}"
    )


@pytest.mark.parametrize(
    ("changes", "settings", "clean"),
    [
        ({}, {}, 700),
        ({"dropout": 0.5}, {}, 700),
        ({"penalty": 0.8}, {}, 700),
        ({"augment": "flip"}, {}, 700),
        # Traps H3 and H10: strong dropout, and yet all is learnt.
        ({"dropout": 0.6, "train_accuracy": 0.8}, {}, 990),
        ({}, {"learning_rate": 0.001, "weight_decay": 0.1}, 700),
        # Not every program says what its optimizer does.
        ({}, {"learning_rate": 0.001, "weight_decay": 0.0}, 700),
    ],
)
def test_silent_where_little_holds_it_back(suspicion, changes, settings, clean):
    assert suspicion(changes, settings, clean=clean) is None


def test_evidence(suspicion):
    result = suspicion({"dropout": 0.9})
    assert [(e.name, str(e.threshold)) for e in result.evidence] == [
        ("accuracy on training images", "the lower bound 0.95 or less"),
        ("highest dropout", "0.55 or more"),
        (
            "part of the values that all dropout layers keep",
            "0.4 or less, where nothing is learnt",
        ),
        ("penalty of weights", "above 0.9, the loss of the images"),
        ("weight decay times learning rate times steps", "above 3"),
    ]


@pytest.mark.parametrize(
    ("changes", "differences"),
    [
        ({"dropout": 0.9}, {"dropout": 0.0, "weight_decay": 0.0}),
        (
            {"dropout": 0.9, "augment": "flip"},
            {"dropout": 0.0, "weight_decay": 0.0, "augment": ""},
        ),
    ],
)
def test_the_remedy_takes_all_of_it_away(suspicion, changes, differences):
    assert suspicion(changes).intervention.differences() == differences


@pytest.mark.parametrize(
    ("dropout", "drop", "is_suspected"),
    [
        (0.5, Estimate(-0.124, -0.149, -0.099), True),
        (0.2, Estimate(-0.124, -0.149, -0.099), True),
        (0.5, Estimate(-0.05, -0.07, -0.03), False),
        # Of a few images it is not certain that it costs anything.
        (0.5, Estimate(-0.2, -0.45, 0.05), False),
        # Batch norm differs as well, and is another cause.
        (0.0, Estimate(-0.124, -0.149, -0.099), False),
    ],
)
def test_what_dropout_costs_in_training_mode(
    measured, accuracy, dropout, drop, is_suspected
):
    known = regularization(dropout=dropout), accuracy(), TrainEvalModes(drop, ())
    result = OverRegularized().suspect(measured(*known, **_SETTINGS))
    assert (result is not None) == is_suspected
    if is_suspected:
        assert f"dropout of {dropout:g} that costs 12.4% of them" in result.message
        assert drop in [each.value for each in result.evidence]
