"""Tests of framework/diagnose/checks/data/pruning.py."""

import numpy as np
import pytest

from framework.diagnose.checks.data.pruning import train_without
from framework.diagnose.core.budget import Budget
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.diagnose.core.trials import Trials


class GivenTrials(Trials):
    """Returns results that are right about this number of tenths of the images."""

    def __init__(self, context, *tenths, budget=1.0):
        super().__init__(context, Budget(budget), lambda line: None)
        self.interventions, self.made = [], []
        self._tenths = list(tenths)

    def train(self, name, intervention, at_initialization=True, lengths=1.0):
        if not self._tenths:
            raise NotApplicableError("it cannot be trained")
        self.interventions.append(intervention)
        labels = self.context.validation.labels
        is_right = np.arange(len(labels)) < self._tenths.pop(0) / 10 * len(labels)
        predicted = np.where(is_right, labels, labels + 1)
        return TrialResult(predicted, self.context.train.labels, 1.0)

    def accept(self, result, intervention):
        self.made.append(intervention)


@pytest.fixture
def case(context, scans):
    return context(scans.train, scans.validation)


@pytest.fixture
def flags(scans):
    return np.arange(len(scans.train)) % 5 == 0


@pytest.mark.parametrize(
    ("tenths", "gain", "count"), [((9, 7), 0.2, 1), ((7, 9), -0.2, 0)]
)
def test_leaves_out_some_or_as_many_of_the_same_classes(
    case, flags, tenths, gain, count
):
    trials = GivenTrials(case, *tenths)
    estimate = train_without(trials, "label_noise", flags)
    assert estimate.value == pytest.approx(gain, abs=0.01)
    pruned, control = (each.train for each in trials.interventions)
    assert np.array_equal(np.bincount(pruned.labels), np.bincount(control.labels))
    assert len(pruned) == np.sum(~flags)
    kept = {image.tobytes() for image in case.train.images[~flags]}
    assert all(image.tobytes() in kept for image in pruned.images)
    assert len(trials.made) == count


@pytest.mark.parametrize(
    ("percents", "budget", "gain"),
    [
        # Large enough with one seed.
        ((90, 80), 9, (0.10, True)),
        # With two seeds: alike, of two signs, and very different.
        ((74, 70, 75, 71), 9, (0.04, True)),
        ((74, 70, 70, 71), 9, (0.015, False)),
        ((74, 70, 90, 70), 9, (0.12, False)),
        ((66, 70, 66, 70), 9, (-0.04, False)),
        # There is no budget for a second one.
        ((74, 70), 1, None),
    ],
)
def test_a_small_gain_is_measured_with_a_second_seed(
    context, scans, flags, percents, budget, gain
):
    few = context(scans.train, scans.validation, settings={"steps_per_epoch": 10**6})
    trials = GivenTrials(few, *(each / 10 for each in percents), budget=budget)
    estimate = train_without(trials, "label_noise", flags)
    assert [each.seed for each in trials.interventions] == [0, 0, 1, 1][: len(percents)]
    if gain is None:
        assert estimate is None
    else:
        assert estimate.value == pytest.approx(gain[0], abs=0.005)
        assert (estimate.low > 0) == gain[1]
        assert len(trials.made) == gain[1]


def test_none_without_a_program_images_or_budget(case, context, scans, flags):
    assert train_without(GivenTrials(case), "label_noise", flags) is None
    every = np.ones_like(flags)
    assert train_without(GivenTrials(case, 9, 9), "split_leakage", every) is None
    long = context(scans.train, scans.validation, settings={"steps_per_epoch": 10**6})
    poor = GivenTrials(long, 9, 9, budget=0.1)
    assert train_without(poor, "split_leakage", flags) is None
