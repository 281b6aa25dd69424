"""Tests of framework/diagnose/process/length.py."""

import types

import numpy as np
import pytest

from framework.diagnose.change import CannotChangeError
from framework.diagnose.detector import Measures
from framework.diagnose.process.length import go_on, stopped_too_early
from framework.diagnose.repair import FLOOR
from framework.statistics import Estimate, paired_difference

_GAIN = Estimate(0.1, 0.05, 0.15)


def measures(verdict="improving", evaluations=10, **changes):
    gate = types.SimpleNamespace(
        verdict=verdict, evaluations=evaluations, change=0.08, window=5, p=0.0123
    )
    found = {"gate": gate, "settings": {"epochs": 10}, "length/floor": FLOOR}
    return Measures(found | changes)


@pytest.mark.parametrize(
    ("gain", "status"),
    [
        (None, "suspected"),
        (_GAIN, "confirmed"),
        (Estimate(0.1, -0.05, 0.25), "falsified"),
        (Estimate(0.02, 0.01, 0.03), "falsified"),
    ],
)
def test_going_on_decides(gain, status):
    found = measures() if gain is None else measures(**{"length/gain": gain})
    found = stopped_too_early(found)
    assert (found.cause, found.status, found.cost) == (
        "stopped_too_early",
        status,
        gain,
    )


def test_the_evidence():
    found = stopped_too_early(measures())
    assert found.message == (
        "the run ended after 10 epochs, while accuracy was rising: +8.0% over the last "
        "5 evaluations"
    )
    (evidence,) = found.evidence
    assert (evidence.value, evidence.threshold) == (0.08, "p = 0.012, below 0.05")


@pytest.mark.parametrize(
    ("verdict", "evaluations", "fires"),
    [
        ("improving", 30, True),
        # So few evaluations cannot tell.
        ("unresolvable", 3, True),
        # Trap H29: stopped early on purpose, once nothing moved.
        ("static", 10, False),
        ("ceiling", 30, False),
        ("at_chance", 5, False),
    ],
)
def test_fires_where_the_curve_was_rising(verdict, evaluations, fires):
    found = stopped_too_early(measures(verdict, evaluations))
    assert (found is not None) is fires


class Repairs:
    """Goes on to be right on some more images, as long as there is a budget."""

    floor = FLOOR

    def __init__(self, reached, left=9.0):
        self.reached, self.left = reached, left
        self.attempts, self.accepted = [], []

    def can_afford(self, attempts=1.0):
        return attempts <= self.left

    def attempt(self, name, change, fresh=True, share=1.0):
        if self.reached is None:
            raise CannotChangeError
        self.attempts.append((name, change.differences(), fresh, share))
        return self.reached

    def gain(self, branch):
        return paired_difference(np.arange(1000) < branch, np.arange(1000) < 500)

    def accept(self, branch, change):
        self.accepted.append((branch, change.differences()))


def test_goes_on_from_the_last_step():
    repairs = Repairs(800)
    found = go_on(repairs, measures())
    assert found["length/gain"].value == pytest.approx(0.3)
    assert found["length/floor"] == FLOOR
    assert repairs.attempts == [("stopped_too_early", {}, False, 3.0)]
    assert repairs.accepted == [(800, {})]


def test_goes_on_for_less_where_there_is_less():
    repairs = Repairs(500, left=2.0)
    assert go_on(repairs, measures())["length/gain"].value == 0
    assert (repairs.attempts[0][3], repairs.accepted) == (1.0, [])
    assert go_on(Repairs(800, left=0.0), measures()) == {}


def test_what_cannot_go_on_stays_suspected():
    assert go_on(Repairs(None), measures()) == {}
