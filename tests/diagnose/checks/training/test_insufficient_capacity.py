"""Tests of framework/diagnose/checks/training/insufficient_capacity.py."""

import pytest

from framework.diagnose.checks.training.insufficient_capacity import (
    InsufficientCapacity,
)
from framework.diagnose.core.check import examine
from framework.diagnose.measure.regularization import Capacity


@pytest.mark.parametrize(
    ("clean", "validation", "narrowest", "is_suspected"),
    [
        (700, 690, 32, True),
        (700, 490, 32, False),
        # Wider nets are a little better in any case.
        (900, 880, 32, False),
        (900, 880, 1, True),
    ],
)
def test_a_model_that_is_too_small(
    measured, accuracy, clean, validation, narrowest, is_suspected
):
    made = measured(accuracy(clean, validation), Capacity(narrowest, 12_345))
    assert (InsufficientCapacity().suspect(made) is not None) is is_suspected


def test_evidence(measured, accuracy):
    made = measured(accuracy(), Capacity(2, 12_345))
    suspicion = InsufficientCapacity().suspect(made)
    assert suspicion.message == (
        "70.0% of the training images are learnt, by 12,345 weights whose narrowest "
        "hidden layer has 2 units"
    )
    assert [(e.name, str(e.threshold)) for e in suspicion.evidence] == [
        (
            "accuracy on training images",
            "0.85 or less; or where a layer has fewer than 4 units, the lower bound "
            "0.95 or less",
        ),
        ("gap of training and validation images", "20 points or less"),
        ("units of the narrowest hidden layer", ""),
    ]


def test_what_evaluation_mode_hides_is_not_size(measured, accuracy, no_trials):
    made = measured(accuracy(), Capacity(32, 12_345))
    made.confirmed.add("train_eval_mismatch")
    assert InsufficientCapacity().suspect(made) is None
    assert examine(InsufficientCapacity(), made, no_trials) is None


@pytest.mark.parametrize(("length", "is_suspected"), [(-30.0, False), (-3.0, True)])
def test_size_is_not_judged_while_weights_do_not_move(
    measured, accuracy, steps, length, is_suspected
):
    made = measured(accuracy(), Capacity(32, 12_345), steps(next=length))
    assert (InsufficientCapacity().suspect(made) is not None) is is_suspected
