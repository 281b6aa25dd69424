"""Each threshold that is printed is the one that was applied."""

import dataclasses

import pytest

from framework.diagnose.checks.training.batch_size_too_large import BatchSizeTooLarge
from framework.diagnose.checks.training.batch_size_too_small import BatchSizeTooSmall
from framework.diagnose.checks.training.insufficient_capacity import (
    InsufficientCapacity,
)
from framework.diagnose.checks.training.learning_rate_too_high import (
    LearningRateTooHigh,
)
from framework.diagnose.checks.training.learning_rate_too_low import (
    LearningRateTooLow,
)
from framework.diagnose.checks.training.over_regularized import OverRegularized
from framework.diagnose.checks.training.overfitting import Overfitting
from framework.diagnose.checks.training.stopped_too_early import StoppedTooEarly
from framework.diagnose.measure.accuracy import Accuracy, SplitAccuracy
from framework.diagnose.measure.plateau import Plateau
from framework.diagnose.measure.regularization import (
    AccuracyFall,
    Capacity,
    Regularization,
)
from framework.diagnose.measure.step_sizes import StepSizes
from framework.diagnose.measure.train_eval_modes import TrainEvalModes
from framework.numerics.intervals import Estimate, difference, proportion

# Fields that decide nothing about the suspicion: what a remedy aims at, and limits that
# keep a suspicion from being raised at all, whose number is in the text of the check.
_NOT_PRINTED = {
    "usual",
    "far",
    "fitted_accuracy",
    "shifted",
    "enough",
    "improving_margin",
}
_CHECKS = (
    BatchSizeTooLarge(),
    BatchSizeTooSmall(),
    InsufficientCapacity(),
    LearningRateTooHigh(),
    LearningRateTooLow(),
    OverRegularized(),
    Overfitting(),
    StoppedTooEarly(),
)


def split(correct):
    return SplitAccuracy(1000, proportion(correct, 1000), 0.5, 0.2, 0.1)


def known(clean, validation, first, following):
    train, other = split(clean), split(validation)
    gap = difference(train.accuracy, other.accuracy)
    plateau = Plateau(
        "improving", "", other.accuracy, 9, 5, 0.08, 0.01, 0.0, 1.0, 0.02, gap
    )
    return (
        Accuracy(10, train, None, other, train.accuracy, gap, None, None),
        AccuracyFall(Estimate(0.0, -0.02, 0.02), 0.5),
        Capacity(2, 12_345),
        Regularization(0.9, 5.0, "flip", 0.1, True, False),
        StepSizes(first, first, following, first, 0.9, 0.9, False, 100, 1.0, False),
        TrainEvalModes(Estimate(-0.5, -0.55, -0.45), ()),
        plateau,
    )


# Two trainings: one of each kind makes each check suspect something.
_TRAININGS = (
    known(150, 120, first=-1.0, following=-1.0),
    known(700, 650, first=-4.0, following=-4.0),
    known(990, 600, first=-4.0, following=-4.0),
)


def suspicion(check, measured):
    for training in _TRAININGS:
        settings = {"batch_size": 4, "weight_decay": 1.0}
        if isinstance(check, BatchSizeTooLarge):
            settings["batch_size"] = 600
        found = check.suspect(measured(*training, **settings))
        if found is not None:
            return found
    return None


@pytest.mark.parametrize(
    ("check", "name"),
    [
        (check, field.name)
        for check in _CHECKS
        for field in dataclasses.fields(check)
        if field.name not in _NOT_PRINTED
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_threshold_that_is_printed_is_that_of_the_check(measured, check, name):
    value = getattr(check, name)
    odd = value + 1 if isinstance(value, int) else value * 1.0123
    evidence = suspicion(dataclasses.replace(check, **{name: odd}), measured).evidence
    text = "; ".join(str(each.threshold) for each in evidence)
    # A limit may be lower by one, which the text then says.
    numbers = (odd, odd - 1, 100 * odd)
    assert any(f"{number:g}" in text for number in numbers), text
    before = "; ".join(str(e.threshold) for e in suspicion(check, measured).evidence)
    assert text != before
