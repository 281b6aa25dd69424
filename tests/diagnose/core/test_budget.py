"""Tests of framework/diagnose/core/budget.py."""

import math

import pytest

from framework.diagnose.core.budget import (
    Allowance,
    Budget,
    Remaining,
    TooSlowError,
)
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


@pytest.mark.parametrize(
    ("seconds", "affordable"),
    [
        # Not known.
        (0.0, 15.0),
        # An epoch takes five seconds: 1,500 steps would take 75.
        (50.0, 12.0),
        (1.0, 15.0),
        # A training takes more than a minute: no steps are free.
        (70.0, 10.0),
    ],
)
def test_free_steps_take_no_more_than_a_minute(seconds, affordable):
    left = Remaining(Budget(1.0), epochs=10, steps_per_epoch=100, seconds=seconds)
    assert left.epochs == pytest.approx(affordable)
    assert left.can_afford(affordable)
    assert not left.can_afford(1.01 * affordable)


def test_what_a_short_training_took_foretells_nothing():
    # 15 steps in 25 s: compiling, and 15 evaluations.
    left = Remaining(Budget(1.0), epochs=15, steps_per_epoch=1, seconds=25.0)
    assert left.can_afford(1_500)
    assert left.allowance(500.0, is_usual=True) is not None
    # Then they were measured.
    left.spend(500, seconds=50.0)
    assert left.seconds_of(100) == pytest.approx(10.0)
    left.spend(100, seconds=11.0)
    assert not left.can_afford(100)


@pytest.mark.parametrize(
    ("seconds", "is_usual", "affordable"),
    [
        # As fast as the training, or slowed down by other programs: then 18 epochs
        # more take the 450 s that all may take.
        (100.0, True, 20.0),
        (250.0, True, 17.9),
        # In that time the training does 25 epochs: few are left.
        (250.0, False, 6.25),
        (100.0, False, 20.0),
    ],
)
def test_a_trial_of_other_steps_costs_its_seconds(seconds, is_usual, affordable):
    remaining = Remaining(Budget(1.0), 30, 1_000, seconds=300.0)
    remaining.spend(10, seconds, is_usual)
    assert remaining.epochs == pytest.approx(20.0)
    assert remaining.can_afford(affordable)
    assert not remaining.can_afford(1.01 * affordable)


def test_other_steps_say_nothing_of_the_speed_of_later_trials():
    remaining = Remaining(Budget(2.0), 10, 1_000, 100.0, Clock())
    remaining.spend(5, seconds=120.0, is_usual=False)
    assert str(remaining) == "15 epochs, about 80 s"
    remaining.spend(2, seconds=10.0)
    assert str(remaining) == "13 epochs, about 60 s"


@pytest.mark.parametrize(
    ("budget", "seconds", "epochs", "most"),
    [
        ("1", 100.0, 3.0, 100.0),
        # Always a minute: compiling alone takes longer than a short training.
        ("0.5", 100.0, 3.0, 60.0),
        ("1", 2.0, 3.0, 60.0),
        ("40s", 100.0, 3.0, 40.0),
        ("1", 0.0, 3.0, math.inf),
        # Beyond the budget; but a long training limits everything.
        ("1", 50.0, 16.0, math.inf),
        ("1", 100.0, 11.0, 150.0),
    ],
)
def test_what_a_trial_may_take(budget, seconds, epochs, most):
    clock = Clock()
    remaining = Remaining(Budget.parse(budget), 10, 1_000, seconds, clock)
    allowance = remaining.allowance(epochs)
    allowance.check(1, 1_000)
    clock.now += 1.0
    if most == math.inf:
        allowance.check(2, 100_000)
        return
    # A second a step.
    allowance.check(2, int(1.24 * most))
    with pytest.raises(TooSlowError, match=f"about .* s, and {most:.0f} s are left"):
        allowance.check(2, int(1.3 * most) + 2)


def test_compiling_tells_nothing_of_the_other_steps():
    clock = Clock()
    allowance = Allowance(20.0, clock)
    clock.now += 5.0
    allowance.check(1, 100)
    clock.now += 1.0
    # Six seconds so far, and nine more.
    allowance.check(11, 100)
    clock.now += 4.0
    with pytest.raises(TooSlowError, match="about 50 s"):
        allowance.check(12, 100)


@pytest.mark.parametrize(
    ("budget", "seconds", "limit"),
    [
        # Half a training for measuring, besides the trials.
        (1.0, 100.0, 150.0),
        (2.0, 100.0, 250.0),
        (1.0, 60.0, 90.0),
        # Compiling takes as long as a short training.
        (1.0, 59.0, None),
        # Not known.
        (1.0, 0.0, None),
        ("40s", 100.0, 40.0),
    ],
)
def test_a_training_of_a_minute_limits_the_whole_diagnosis(budget, seconds, limit):
    remaining = Remaining(Budget.parse(budget), 10, 1_000, seconds, Clock())
    assert remaining.limit == limit


def test_measuring_leaves_less_to_the_trials():
    clock = Clock()
    remaining = Remaining(Budget(1.0), 10, 1_000, 100.0, clock, begun=clock() - 20.0)
    assert remaining.can_afford(10)
    clock.now += 60.0
    # Of 150 s, 70 are left, of which an epoch takes ten.
    assert remaining.can_afford(6.9)
    assert not remaining.can_afford(7.1)
    assert not remaining.fits(7.1)
    assert str(remaining) == "10 epochs, about 70 s"
    assert remaining.needed(5.0, 2) == (
        "it would take about 50 s; a budget of 180s tries it"
    )
    assert remaining.plan(2.0) == (
        "trials of 2 epochs each, about 20 s; 10 epochs, about 70 s in all; none ends "
        "later than 150 s after the start"
    )


def test_a_usual_trial_has_no_limit_but_the_end_of_all():
    for seconds, is_limited in ((30.0, False), (100.0, True)):
        remaining = Remaining(Budget(1.0), 10, 1_000, seconds, Clock())
        allowance = remaining.allowance(3.0, is_usual=True)
        assert (allowance is not None) == is_limited


def test_a_trial_is_ended_by_what_it_was_given():
    remaining = Remaining(Budget(1.0), 10, 1_000)
    assert not Allowance().is_futile(1.0, lambda: None)
    seen = []

    def is_futile(epochs, predict):
        seen.append((epochs, predict()))
        return True

    allowance = remaining.allowance(3.0, is_futile, is_usual=True)
    assert allowance.is_futile(2.0, lambda: "predictions")
    assert seen == [(2.0, "predictions")]
