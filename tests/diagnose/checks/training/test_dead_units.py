"""Tests of framework/diagnose/checks/training/dead_units.py."""

import pytest

from framework.diagnose.checks.training.dead_units import DeadFromTheStart, DeadUnits
from framework.diagnose.measure.initial_weights import UnitActivity


@pytest.mark.parametrize(
    ("first", "now", "is_early", "is_late"),
    [
        (0.0, 0.1, False, False),
        (0.9, 0.9, True, True),
        (0.0, 0.9, False, True),
        # It has recovered.
        (0.9, 0.1, False, False),
        (0.5, 0.5, False, False),
    ],
)
def test_units_that_never_fire(measured, accuracy, first, now, is_early, is_late):
    made = measured(accuracy(), UnitActivity(first, now))
    assert (DeadFromTheStart().suspect(made) is not None) is is_early
    assert (DeadUnits().suspect(made) is not None) is is_late


def test_a_net_that_has_learnt_all_has_units_enough(measured, accuracy):
    made = measured(accuracy(995), UnitActivity(0.9, 0.9))
    assert DeadUnits().suspect(made) is None
    assert DeadFromTheStart().suspect(made) is None


def test_evidence_and_remedy(measured, accuracy):
    suspicion = DeadUnits().suspect(measured(accuracy(), UnitActivity(0.0, 0.8)))
    assert not suspicion.is_certain
    assert suspicion.message == (
        "80% of the units of a hidden layer are dead since training began"
    )
    assert [(e.value, str(e.threshold), e.source) for e in suspicion.evidence] == [
        (0.8, "above 0.75", "those that fire for none of 512 training images"),
        (0.0, "", "the same images"),
    ]
    differences = suspicion.intervention.differences()
    assert differences == {"reinitialize": True, "activation": "leaky_relu"}
    made = measured(accuracy(), UnitActivity(0.75, 0.75))
    message = DeadFromTheStart().suspect(made).message
    assert message.endswith("dead from the start")
