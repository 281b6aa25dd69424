"""Tests of framework/diagnose/checks/training/learning_rate_too_high.py."""

import pytest

from framework.config import Config
from framework.diagnose.checks.training.learning_rate_too_high import (
    LearningRateNegative,
    LearningRateTooHigh,
)
from framework.diagnose.checks.training.learning_rate_too_low import (
    LearningRateTooLow,
)
from framework.diagnose.core.check import examine


@pytest.mark.parametrize(
    ("changes", "clean", "is_suspected"),
    [
        ({}, 700, False),
        ({"first": -1.0}, 700, True),
        ({"next": -1.4}, 700, True),
        ({"next_overshoot": 0.75}, 700, True),
        ({"first_overshoot": 0.75}, 700, True),
        ({"has_diverged": True}, 700, True),
        # Where nothing has been learnt, shorter steps may be too long.
        ({"first": -2.3}, 100, True),
        ({"first": -2.7}, 100, False),
        ({"first_overshoot": 0.5}, 700, False),
        # Traps H11 and H24: what is learnt all the same.
        ({"first": -1.0}, 995, False),
        ({"next_overshoot": 1.0}, 995, False),
    ],
)
def test_steps_that_are_too_long(
    measured, accuracy, steps, changes, clean, is_suspected
):
    made = measured(accuracy(clean), steps(**changes))
    assert (LearningRateTooHigh().suspect(made) is not None) is is_suspected


def test_evidence(measured, accuracy, steps):
    made = measured(accuracy(), steps(first=-0.52, next_overshoot=0.75))
    suspicion = LearningRateTooHigh().suspect(made)
    assert not suspicion.is_certain
    assert suspicion.message == (
        "a step moves the weights by 10^-0.5 of their norm, and 75% of steps end with "
        "a higher loss of the same batch"
    )
    assert [(e.value, str(e.threshold)) for e in suspicion.evidence] == [
        (-0.52, "above -1.5"),
        (0.75, "above 0.5"),
    ]


def test_the_remedy_is_given_as_flags(measured, accuracy, steps, no_trials):
    config = Config(learning_rate=0.02)
    settings = {"config": config, "learning_rate": 0.02, "highest_rate": 0.02}
    made = measured(accuracy(), steps(first=-0.5), **settings)
    remedy = examine(LearningRateTooHigh(), made, no_trials).remedy
    assert remedy.text == "multiply the learning rate by 0.1"
    assert remedy.flags == ("--learning_rate=0.002",)
    assert remedy.code == ("model.optimizer.learning_rate = 0.002",)


@pytest.mark.parametrize(
    ("changes", "factor"),
    [
        ({"first_overshoot": 0.75}, 0.1),
        ({"first": 0.5}, 0.01),
        # The first step alone was too long, and made weights huge.
        ({"first": 0.5, "longest": 7.0}, 1e-9),
        # Steps that grow from one that is too long: the first one tells the rate.
        ({"initial": 0.5, "first": 29.0, "longest": 29.0}, 0.01),
        # And from one that is not: the rate is not all.
        ({"initial": -2.0, "first": 0.5, "longest": 1.0}, 0.01),
        # However far beyond: a rate of 1e30 dies in its second step.
        ({"first": 29.0, "longest": 29.0}, 1e-31),
    ],
)
def test_the_remedy_aims_at_steps_of_the_usual_length(
    measured, accuracy, steps, changes, factor
):
    suspicion = LearningRateTooHigh().suspect(measured(accuracy(), steps(**changes)))
    differences = suspicion.intervention.differences()
    assert differences == {"learning_rate_factor": pytest.approx(factor)}


def test_the_threshold_is_the_one_that_was_applied(measured, accuracy, steps):
    """Where next to nothing is learnt, shorter steps are too long."""
    made = measured(accuracy(100), steps(first=-2.3))
    threshold = str(LearningRateTooHigh().suspect(made).evidence[0].threshold)
    assert threshold.startswith("above -2.5, and not -1.5: training accuracy is less")


def test_a_run_that_died_says_in_which_step(measured, accuracy, steps):
    made = measured(accuracy(100), steps(has_diverged=True), diverged_in=4)
    assert LearningRateTooHigh().suspect(made).evidence[-1].value == 4.0
    made = measured(accuracy(100), steps(has_diverged=True))
    assert LearningRateTooHigh().suspect(made).evidence[-1].value == "not finite"


@pytest.mark.parametrize("rate", [0.0, 0.01, 30.0])
def test_other_rates_are_not_its_business(measured, steps, rate):
    assert LearningRateNegative().suspect(measured(steps(), learning_rate=rate)) is None


@pytest.mark.parametrize(
    ("rate", "changes", "better"),
    [
        (-1000.0, {"first": 3.2}, 0.01),
        (-0.01, {"first": -2.3}, 0.01),
        (-1e-5, {"first": -5.0}, 1e-5),
        (-10.0, {"initial": 0.2, "first": 6.0}, 0.1),
    ],
)
def test_a_negative_rate_is_certain(measured, steps, no_trials, rate, changes, better):
    made = measured(steps(**changes), learning_rate=rate, highest_rate=rate)
    finding = examine(LearningRateNegative(), made, no_trials)
    assert (finding.cause.name, finding.status) == (
        "learning_rate_too_high",
        "confirmed",
    )
    assert f"is {rate:g}" in finding.message
    factor = finding.remedy.intervention.learning_rate_factor
    assert rate * factor == pytest.approx(better)
    (line,) = finding.remedy.code
    assert line == f"model.optimizer.learning_rate = {rate * factor:.8g}"


def test_its_steps_are_neither_too_long_nor_too_short(
    measured, steps, accuracy, plateau
):
    made = measured(
        steps(first=3.2, has_diverged=False), accuracy(100), plateau(), learning_rate=-1
    )
    assert LearningRateTooHigh().suspect(made) is None
    assert LearningRateTooLow().suspect(made) is None
