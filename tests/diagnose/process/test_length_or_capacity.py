"""Tests of framework/diagnose/process/length_or_capacity.py."""

import types

import numpy as np
import pytest
from framework.diagnose.change import CannotChangeError
from framework.diagnose.detector import Measures
from framework.diagnose.process.length_or_capacity import (
    insufficient_capacity,
    stopped_too_early,
    try_more,
)
from framework.diagnose.repair import FLOOR

from framework.numerics.intervals import (
    Estimate,
    difference,
    paired_difference,
    proportion,
)

_GAIN = Estimate(0.2, 0.1, 0.3)
_NO_GAIN = Estimate(0.1, -0.05, 0.25)
_SMALL = Estimate(0.02, 0.01, 0.03)


def measures(
    verdict="static", evaluations=10, clean=700, validation=680, narrowest=32, **changes
):
    gate = types.SimpleNamespace(
        verdict=verdict, evaluations=evaluations, change=0.08, window=5, p=0.0123
    )
    accuracies = [proportion(each, 1000) for each in (clean, validation)]
    found = {
        "gate": gate,
        "settings": {"epochs": 10},
        "clean/accuracy": accuracies[0],
        "gap/clean_validation": difference(*accuracies),
        "fit/narrowest": narrowest,
        "fit/parameters": 12_345,
        **{f"{name}/floor": FLOOR for name in ("length", "capacity")},
    }
    return Measures(found | {name.replace("_", "/"): changes[name] for name in changes})


@pytest.mark.parametrize(
    ("gain", "status"),
    [(_GAIN, "confirmed"), (_NO_GAIN, "falsified"), (_SMALL, "falsified")],
)
@pytest.mark.parametrize(
    ("name", "rule"),
    [("length", stopped_too_early), ("capacity", insufficient_capacity)],
)
def test_an_attempt_decides(name, rule, gain, status):
    assert rule(measures()).status == "suspected"
    found = rule(measures(**{f"{name}_gain": gain}))
    assert (found.status, found.cost) == (status, gain)


@pytest.mark.parametrize(
    ("verdict", "evaluations", "clean", "fires"),
    [
        ("improving", 30, 990, True),
        # So few evaluations cannot tell.
        ("unresolvable", 3, 990, True),
        # What is not learnt may need time, or size.
        ("static", 10, 700, True),
        # Trap H29: stopped early on purpose, once nothing moved.
        ("static", 10, 900, False),
        ("ceiling", 30, 990, False),
    ],
)
def test_where_more_time_may_help(verdict, evaluations, clean, fires):
    found = stopped_too_early(measures(verdict, evaluations, clean, clean - 20))
    assert (found is not None) is fires


@pytest.mark.parametrize(
    ("clean", "validation", "narrowest", "fires"),
    [
        (700, 690, 32, True),
        (700, 490, 32, False),
        # Wider nets are a little better in any case.
        (900, 880, 32, False),
        (900, 880, 1, True),
    ],
)
def test_a_model_that_is_too_small(clean, validation, narrowest, fires):
    found = insufficient_capacity(
        measures(clean=clean, validation=validation, narrowest=narrowest)
    )
    assert (found is not None) is fires


def test_the_evidence():
    found = stopped_too_early(measures("improving"))
    assert found.message == (
        "the run ended after 10 epochs, with a trend of +8.0% over the last 5 "
        "evaluations"
    )
    (evidence,) = found.evidence
    assert (evidence.value, evidence.threshold) == (0.08, "p = 0.012, below 0.05")
    found = insufficient_capacity(measures(narrowest=2))
    assert found.message == (
        "70.0% of the training images are learnt, by 12,345 weights whose narrowest "
        "hidden layer has 2 units"
    )
    assert [(e.name, e.threshold) for e in found.evidence] == [
        ("accuracy on training images", "below 0.95"),
        ("units of the narrowest hidden layer", ""),
    ]


class Repairs:
    """Is right about so many of 1,000 images, by what is tried."""

    def __init__(self, longer, larger, left=9.0, has_mended=False, floor=FLOOR):
        self.reached = {"stopped_too_early": longer, "insufficient_capacity": larger}
        self.left, self.has_mended, self.floor = left, has_mended, floor
        self.right = np.arange(1000) < 500
        self.attempts, self.accepted = [], []

    def can_afford(self, attempts=1.0):
        return attempts <= self.left

    def attempt(self, name, change, fresh=True, share=1.0):
        if self.reached[name] is None:
            raise CannotChangeError
        self.attempts.append((name, change.differences(), fresh, share))
        self.left -= share
        return name

    def rights(self, branch):
        return np.arange(1000) < self.reached[branch]

    def gain(self, branch):
        return paired_difference(self.rights(branch), self.right)

    def accept(self, branch, change):
        self.accepted.append((branch, change.differences()))
        self.right = self.rights(branch)


_LONGER, _LARGER = ("stopped_too_early", {}), ("insufficient_capacity", {"width": 4.0})


@pytest.mark.parametrize(
    ("longer", "larger", "accepted"),
    [
        (800, 500, [_LONGER]),
        (500, 800, [_LARGER]),
        # A larger model learns faster as well.
        (800, 790, [_LONGER]),
        (800, 820, [_LONGER]),
        # More time helps a small one a little.
        (600, 800, [_LARGER]),
        # Neither: healthy ones gain a little by both.
        (540, 540, []),
        (None, 800, [_LARGER]),
        (800, None, [_LONGER]),
        (None, None, []),
    ],
)
def test_what_reaches_more_is_the_cause(longer, larger, accepted):
    repairs = Repairs(longer, larger)
    found = try_more(repairs, measures())
    assert repairs.accepted == accepted
    for name, rule in (
        ("length", stopped_too_early),
        ("capacity", insufficient_capacity),
    ):
        if f"{name}/gain" in found:
            status = rule(Measures(measures() | found)).status
            cause = rule(measures()).cause
            assert (status == "confirmed") is (cause in dict(accepted))


def test_of_very_few_units_a_smaller_gain_is_enough():
    made = measures(clean=900, validation=500, narrowest=1)
    made["gap/clean_validation"] = Estimate(0.0, -0.02, 0.02)
    repairs = Repairs(500, 540)
    try_more(repairs, made)
    assert repairs.accepted == [("insufficient_capacity", {"width": 16.0})]


def test_what_was_tried():
    repairs = Repairs(800, 500)
    try_more(repairs, measures(narrowest=2))
    assert repairs.attempts == [
        ("insufficient_capacity", {"width": 16.0}, True, 1.0),
        ("stopped_too_early", {}, False, 3.0),
    ]


@pytest.mark.parametrize(("left", "share"), [(2.5, 1.0), (3.0, 2.0), (9.0, 3.0)])
def test_goes_on_for_as_long_as_can_be_paid_for(left, share):
    repairs = Repairs(800, 500, left=left)
    try_more(repairs, measures())
    assert repairs.attempts[1][3] == share
    assert try_more(Repairs(800, 500, left=0.5), measures()) == {}


def test_neither_is_tried_where_something_was_mended():
    """What mended it had a third of the time: more of it would always help."""
    repairs = Repairs(800, 900, has_mended=True)
    assert (try_more(repairs, measures()), repairs.attempts) == ({}, [])


def test_what_is_learnt_needs_no_larger_model():
    repairs = Repairs(800, 900)
    try_more(repairs, measures("improving", clean=990))
    assert [each[0] for each in repairs.attempts] == ["stopped_too_early"]


def test_what_evaluation_mode_hides_is_not_size():
    made = measures()
    made.confirmed.add("train_eval_mismatch")
    assert insufficient_capacity(made) is None
