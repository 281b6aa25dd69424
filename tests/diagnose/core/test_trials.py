"""Tests of framework/diagnose/repair.py."""

import dataclasses
import types

import numpy as np
import pytest
from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.finding import Finding, Remedy
from framework.diagnose.repair import FLOOR, SHARE, Repairs, is_gain
from framework.diagnose.subject import Branch

from framework.diagnose import repair
from framework.numerics.intervals import Estimate

_N = 1000


def right(share):
    return np.arange(_N) < round(share * _N)


class Program:
    """Reaches an accuracy that depends on what is changed; writes down attempts."""

    def __init__(self, reached):
        self.reached = reached
        self.attempts = []

    def experiment(self, name, change, epochs, fresh):
        self.attempts.append((name, change, epochs, fresh))
        share = self.reached(change)
        if share is None:
            raise CannotChangeError
        return Branch(np.where(right(share), 0, 1), np.arange(4) // 2, epochs)


def repairs(reached, begin=0.5, clean=0.9, epochs=300.0, per_epoch=100, budget=1.0):
    subject = types.SimpleNamespace(
        settings={"epochs": epochs, "steps_per_epoch": per_epoch},
        right=lambda name: right(begin if name == "validation" else clean),
        train=types.SimpleNamespace(labels=np.zeros(4, np.int64)),
        validation=types.SimpleNamespace(labels=np.zeros(_N, np.int64)),
        program=Program(reached),
    )
    return Repairs(subject, budget, lambda name: None)


def suspicion(cause="overfitting"):
    return Finding(cause, "suspected", "", (), Remedy(""), "")


def tried(made, change=None):
    return made.tried(suspicion(), change or Change(dropout=0.5))


@pytest.mark.parametrize(
    ("reached", "status"),
    [
        (0.8, "confirmed"),
        (0.61, "confirmed"),
        # For certain, but little beside the half that is missing.
        (0.59, "falsified"),
        (0.5, "falsified"),
        (0.2, "falsified"),
    ],
)
def test_an_attempt_decides(reached, status):
    found = tried(repairs(lambda change: reached))
    assert found.status == status
    assert found.cost.value == pytest.approx(reached - 0.5)


def test_few_images_confirm_nothing(monkeypatch):
    monkeypatch.setattr(f"{__name__}._N", 20)
    assert tried(repairs(lambda change: 0.6)).status == "falsified"


def test_the_evidence():
    (shown,) = tried(repairs(lambda change: 0.8)).evidence
    assert shown.name == "gain in validation accuracy once mended"
    assert shown.value.value == pytest.approx(0.3)
    assert shown.threshold == "the interval above 0, and 10% or more"
    assert shown.source == "trained anew for 100 epochs, against the run's end"


def test_what_cannot_be_changed_stays_suspected():
    made = repairs(lambda change: None)
    assert tried(made) == suspicion()
    assert made.can_afford(3)


def test_out_of_budget_nothing_is_tried():
    made = repairs(lambda change: 0.5, budget=2 * SHARE)
    found = [tried(made).status for _ in range(3)]
    assert found == ["falsified", "falsified", "suspected"]
    assert len(made.subject.program.attempts) == 2


def test_a_little_costs_nothing_whatever_the_budget():
    made = repairs(lambda change: 0.5, epochs=30, per_epoch=10, budget=0.0)
    assert tried(made).status == "falsified"
    made = repairs(lambda change: 0.5, epochs=1000, per_epoch=100, budget=0.0)
    assert tried(made).status == "suspected"


@pytest.mark.parametrize(
    ("epochs", "per_epoch", "length"),
    [
        (300.0, 100, 100.0),
        # So few steps show nothing.
        (30.0, 20, 15.0),
        # But no attempt is longer than the run.
        (5.0, 10, 5.0),
        (0.5, 10, 0.5),
    ],
)
def test_how_long_an_attempt_is(epochs, per_epoch, length):
    made = repairs(lambda change: 0.5, epochs=epochs, per_epoch=per_epoch)
    tried(made)
    ((name, _, tried_for, fresh),) = made.subject.program.attempts
    assert (name, tried_for, fresh) == ("overfitting", length, True)


def test_a_later_cause_must_add_to_what_earlier_ones_gained():
    """Either change alone reaches the same: only the first is a cause."""
    made = repairs(lambda change: 0.8 if change.differences() else 0.5)
    first, second = Change(learning_rate=0.1), Change(learning_rate=0.1, dropout=0.0)
    assert tried(made, first).status == "confirmed"
    found = tried(made, second)
    assert (found.status, found.cost.value) == ("falsified", 0.0)
    # It was tried on top of the first.
    assert made.subject.program.attempts[1][1].learning_rate == pytest.approx(0.01)
    assert np.array_equal(made.right, right(0.8))


def test_two_causes_are_both_found():
    def reached(change):
        return 0.5 + 0.2 * change.trainable + 0.2 * (change.dropout is not None)

    made = repairs(reached)
    found = [
        tried(made, each) for each in (Change(trainable=True), Change(dropout=0.0))
    ]
    assert [each.status for each in found] == ["confirmed"] * 2
    assert [each.cost.value for each in found] == pytest.approx([0.2, 0.2])


def test_the_gap_is_that_after_the_repairs():
    made = repairs(lambda change: 0.5 + 0.2 * change.trainable)
    assert (made.gap, made.has_mended) == (pytest.approx(0.4), False)
    tried(made, Change(dropout=0.0))
    assert (made.gap, made.has_mended) == (pytest.approx(0.4), False)
    tried(made, Change(trainable=True))
    # Of the training images, half are right then.
    assert (made.gap, made.has_mended) == (pytest.approx(0.5 - 0.7), True)


def test_progress_tells_what_is_left():
    told = []
    made = Repairs(repairs(lambda change: 0.5).subject, 1.0, told.append)
    tried(made)
    tried(made)
    assert told == [
        "trying to mend overfitting: 100 epochs of the 300 left",
        "trying to mend overfitting: 100 epochs of the 200 left",
    ]


def test_what_was_falsified_is_not_kept():
    made = repairs(lambda change: 0.5)
    tried(made, Change(width=2))
    tried(made, Change(dropout=0.0))
    assert made.subject.program.attempts[1][1].differences() == {"dropout": 0.0}


def test_a_gain_must_be_no_small_part_of_what_was_gained_before():
    made = repairs(lambda change: 0.84 if change.dropout == 0 else 0.8, begin=0.2)
    assert tried(made, Change(width=2)).status == "confirmed"
    floor = repair._PART * 0.6
    assert FLOOR < 0.04 < floor
    found = tried(made, Change(dropout=0.0))
    assert found.status == "falsified"
    assert (
        found.evidence[0].threshold == f"the interval above 0, and {floor:.0%} or more"
    )


@pytest.mark.parametrize(
    ("begin", "reached", "is_done"),
    [
        (0.5, 0.8, False),
        (0.5, 0.99, True),
        # What is left is a small part of what has been gained.
        (0.1, 0.9, True),
        (0.98, 0.98, True),
        (0.96, 0.96, False),
    ],
)
def test_when_nothing_is_left_to_explain(begin, reached, is_done):
    made = repairs(lambda change: reached, begin=begin)
    tried(made)
    assert made.is_done is is_done


@pytest.mark.parametrize(
    ("gain", "enough"),
    [
        (Estimate(0.1, 0.01, 0.2), True),
        (Estimate(0.1, 0.0, 0.2), False),
        (Estimate(FLOOR, 0.01, 0.05), True),
        (Estimate(0.99 * FLOOR, 0.01, 0.05), False),
        (Estimate(float("nan"), 0.1, 0.2), False),
    ],
)
def test_what_a_gain_is(gain, enough):
    assert is_gain(gain) is enough


def both_needed(change):
    """Nothing helps but a tenth of the rate together with scaled inputs."""
    needed = change.standardize and change.learning_rate == 0.1
    return 0.9 if needed else 0.5


def test_causes_that_help_together_only():
    made = repairs(both_needed, budget=9.0)
    changes = {
        "unnormalized_inputs": Change(standardize=True),
        "learning_rate_too_high": Change(learning_rate=0.1),
        "overfitting": Change(dropout=0.5),
    }
    for cause, change in changes.items():
        assert made.tried(suspicion(cause), change).status == "falsified"
    causes, gain = made.together()
    # What is not needed is left out.
    assert causes == {"unnormalized_inputs", "learning_rate_too_high"}
    assert gain.value == pytest.approx(0.4)


def test_one_failure_is_nothing_to_put_together():
    made = repairs(lambda change: 0.5, budget=9.0)
    tried(made)
    assert made.together() == (set(), None)


def test_what_was_mended_needs_no_others():
    made = repairs(lambda change: 0.8 if change.dropout else 0.5, budget=9.0)
    for change in (Change(dropout=0.5), Change(width=2.0), Change(shuffle=True)):
        tried(made, change)
    assert made.together() == (set(), None)


def certain():
    return Finding("loss_output_mismatch", "confirmed", "", (), Remedy(""), "")


def test_what_is_certain_is_mended_whatever_it_brings():
    """Behind a fault that alone is enough, another one cannot be seen."""

    def reached(change):
        return 0.9 if change.consistent_loss and change.standardize else 0.5

    made = repairs(reached, budget=9.0)
    inputs = suspicion("unnormalized_inputs")
    assert made.tried(inputs, Change(standardize=True)).status == "falsified"
    found = made.assumed(certain(), Change(consistent_loss=True))
    assert (found.status, found.cost.value) == ("confirmed", 0.0)
    assert found.evidence[0].threshold == "shown only"
    assert (made.has_mended, made.has_gained) == (True, False)
    causes, gain = made.together()
    assert (causes, made.has_gained) == ({"unnormalized_inputs"}, True)
    assert gain.value == pytest.approx(0.4)


def test_what_was_measured_to_cost_is_not_what_mending_brings():
    made = repairs(lambda change: 0.55)
    measured = dataclasses.replace(certain(), cost=Estimate(0.3, 0.2, 0.4))
    found = made.assumed(measured, Change(augment="flip"))
    assert found.cost == measured.cost
    assert found.evidence[0].value.value == pytest.approx(0.05)


@pytest.mark.parametrize(("reached", "budget"), [(0.1, 9.0), (None, 9.0), (0.9, 0.0)])
def test_what_makes_it_worse_or_cannot_be_tried_is_certain_all_the_same(
    reached, budget
):
    made = repairs(lambda change: reached, budget=budget)
    assert made.assumed(certain(), Change(consistent_loss=True)) == certain()
    assert not made.has_mended
