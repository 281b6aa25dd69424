"""Tests of framework/diagnose/checks/training/learning_rate_negative.py."""

import pytest

from framework.diagnose.checks.training.learning_rate_negative import (
    LearningRateNegative,
)
from framework.diagnose.checks.training.learning_rate_too_high import (
    LearningRateTooHigh,
)
from framework.diagnose.checks.training.learning_rate_too_low import (
    LearningRateTooLow,
)
from framework.diagnose.core.check import examine


@pytest.mark.parametrize("rate", [0.0, 0.01, 30.0])
def test_other_rates_are_not_its_business(measured, steps, rate):
    assert LearningRateNegative().suspect(measured(steps(), learning_rate=rate)) is None


@pytest.mark.parametrize(
    ("rate", "first", "better"),
    [(-1000.0, 3.2, 0.01), (-0.01, -2.3, 0.01), (-1e-5, -5.0, 1e-5)],
)
def test_a_negative_rate_is_certain(measured, steps, no_trials, rate, first, better):
    made = measured(steps(first=first), learning_rate=rate, highest_rate=rate)
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


def test_without_step_sizes_the_sign_is_turned(measured, no_trials):
    finding = examine(LearningRateNegative(), measured(learning_rate=-0.1), no_trials)
    assert finding.remedy.intervention.learning_rate_factor == -1.0
