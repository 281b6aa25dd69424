"""Tests of framework/diagnose/checks/training/learning_rate_too_low.py."""

import pytest

from framework.config import Config
from framework.diagnose.checks.training.learning_rate_too_low import (
    LearningRateTooLow,
    StepsOfNoLength,
)
from framework.diagnose.core.check import examine
from framework.diagnose.core.decision import Decision

_RATE = {"learning_rate": 0.02, "highest_rate": 0.02}


@pytest.fixture
def seen(measured, accuracy, plateau, steps):
    """Makes what the check sees: `seen(verdict, clean, **steps)`."""

    def see(verdict="static", clean=700, config=None, **changes):
        known = accuracy(clean), plateau(verdict), steps(**changes)
        return measured(*known, **_RATE, config=config)

    return see


@pytest.mark.parametrize(
    ("changes", "is_suspected"),
    [
        ({}, False),
        ({"next": -4.0}, True),
        ({"next": -3.1}, False),
        # Who is still on the way may go faster.
        ({"next": -3.1, "verdict": "improving"}, True),
        # Trap H17: an interpolating net.
        ({"next": -6.0, "clean": 995}, False),
        # Trap H12: warm-up makes the first steps short, not the last.
        ({"first": -6.0}, False),
        ({"next": -4.0, "has_diverged": True}, False),
    ],
)
def test_steps_that_are_too_short(seen, changes, is_suspected):
    suspicion = LearningRateTooLow().suspect(seen(**changes))
    assert (suspicion is not None) is is_suspected


def test_evidence(seen):
    suspicion = LearningRateTooLow().suspect(seen(next=-4.21))
    assert not suspicion.is_certain
    assert suspicion.message == (
        "a step moves the weights by 10^-4.2 of their norm only, and 70.0% of the "
        "training images are learnt"
    )
    assert [(e.value, str(e.threshold)) for e in suspicion.evidence] == [
        (-4.21, "-3.3 or less"),
        (1.0, "below 0.02: the schedule is at fault"),
    ]


def test_a_schedule_that_falls_too_far_is_held(seen, no_trials):
    config = Config(learning_rate=0.02, schedule="cosine")
    made = seen(next=-9.0, rate_left=1e-7, config=config)
    finding = examine(LearningRateTooLow(), made, no_trials)
    end = "are learnt; the schedule has left 1e-07 of the rate"
    assert finding.message.endswith(end)
    assert finding.remedy.flags == ("--schedule=constant",)
    differences = finding.remedy.intervention.differences()
    assert differences == {"constant_learning_rate": 0.02}


def test_the_remedy_is_given_as_flags(seen, no_trials):
    made = seen(next=-4.2, config=Config(learning_rate=0.02))
    remedy = examine(LearningRateTooLow(), made, no_trials).remedy
    assert remedy.text == "multiply the learning rate by 100"
    assert remedy.flags == ("--learning_rate=2.0",)


@pytest.mark.parametrize(
    ("length", "factor"), [(-3.4, 10), (-4.2, 100), (-6.3, 1e4), (-9.0, 1e4)]
)
def test_the_remedy_aims_at_steps_of_the_usual_length(seen, length, factor):
    suspicion = LearningRateTooLow().suspect(seen(next=length))
    differences = suspicion.intervention.differences()
    assert differences == {"learning_rate_factor": pytest.approx(factor)}


def test_of_a_rate_that_has_ended_at_nothing_the_first_steps_count(seen):
    assert LearningRateTooLow().suspect(seen(next=-30.0, is_annealed=True)) is None
    made = seen(first=-5.2, next=-30.0, is_annealed=True)
    suspicion = LearningRateTooLow().suspect(made)
    assert suspicion.intervention.learning_rate_factor == pytest.approx(1e3)


@pytest.mark.parametrize(
    ("changes", "is_suspected"),
    [
        ({"next": -30.0, "rate_left": 0.0}, True),
        ({"next": -5.5}, True),
        ({"next": -4.5}, False),
        # A rate that falls to nothing at the end is as it should be.
        ({"next": -30.0, "is_annealed": True}, False),
        ({"next": -30.0, "clean": 995}, False),
    ],
)
def test_steps_of_no_length_come_first(seen, changes, is_suspected):
    suspicion = StepsOfNoLength().suspect(seen(**changes))
    assert (suspicion is not None) is is_suspected
    assert StepsOfNoLength.phase < LearningRateTooLow.phase


@pytest.mark.parametrize(("budget", "length"), [(9.0, 3.0), (2.5, 2.0), (0.0, 1.0)])
def test_a_rate_that_was_0_gets_the_time_of_the_whole_run(seen, budget, length):
    class Trials:
        is_done, whole, lengths = False, 3.0, []

        def can_afford(self, count=1.0):
            return count <= budget

        def run(self, name, intervention, lengths=1.0):
            self.lengths = [lengths]
            return Decision("suspected")

    trials = Trials()
    examine(StepsOfNoLength(), seen(next=-30.0, rate_left=0.0), trials)
    assert trials.lengths == [length]
