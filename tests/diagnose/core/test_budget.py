"""Tests of framework/diagnose/core/budget.py."""

import math

import pytest

from framework.diagnose.core.budget import Budget, Remaining
from framework.errors import UsageError


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("1", Budget(1.0)),
        (0.5, Budget(0.5)),
        ("0", Budget(0.0)),
        ("60s", Budget(math.inf, 60.0)),
        (" 1.5 s", Budget(math.inf, 1.5)),
        (Budget(2.0), Budget(2.0)),
    ],
)
def test_reads_trainings_and_seconds(text, budget):
    assert Budget.parse(text) == budget


@pytest.mark.parametrize("text", ["", "s", "-1", "-1s", "nan", "inf", "1m", "1..2"])
def test_refuses_what_is_no_budget(text):
    with pytest.raises(UsageError, match="budget must be a multiple of the training"):
        Budget.parse(text)


def test_trainings_are_counted_in_epochs():
    left = Remaining(Budget(1.0), epochs=90, steps_per_epoch=100)
    assert left.can_afford(90)
    assert not left.can_afford(91)
    left.spend(60, seconds=1.0)
    assert left.can_afford(30)
    assert not left.can_afford(31)


def test_a_few_steps_are_free():
    left = Remaining(Budget(0.0), epochs=3, steps_per_epoch=500)
    assert left.can_afford(3)
    assert not left.can_afford(3.1)


def test_no_trial_is_started_that_would_end_too_late():
    clock = Clock()
    left = Remaining(Budget.parse("60s"), 10, 5, seconds=100.0, clock=clock)
    # An epoch has taken ten seconds.
    assert left.can_afford(5.9)
    assert not left.can_afford(6.1)
    clock.now += 30
    # It has turned out to take three.
    left.spend(10, seconds=30.0)
    assert left.can_afford(9.9)
    assert not left.can_afford(10.1)
    clock.now += 30
    assert not left.can_afford(0.0)


@pytest.mark.parametrize(
    ("budget", "seconds", "text"),
    [
        ("2", 0.0, "20 epochs"),
        ("2", 5.0, "20 epochs, about 10 s"),
        ("30s", 5.0, "30 s"),
    ],
)
def test_says_what_is_left(budget, seconds, text):
    left = Remaining(Budget.parse(budget), 10, 1_000, seconds, Clock())
    assert str(left) == text
