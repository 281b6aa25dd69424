"""Tests of framework/diagnose/checks/training/size_or_length.py."""

import numpy as np
import pytest

from framework.diagnose.checks.training.insufficient_capacity import (
    InsufficientCapacity,
)
from framework.diagnose.checks.training.stopped_too_early import StoppedTooEarly
from framework.diagnose.core.budget import TooSlowError
from framework.diagnose.core.check import examine
from framework.diagnose.core.decision import MINIMUM_GAIN
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.measure.regularization import Capacity
from framework.numerics.intervals import paired_difference

_LENGTH = ("stopped_too_early", {"train_for_factor": 2.0})
_SIZE = ("insufficient_capacity", {"width_factor": 4.0})


class Trials:
    """Half of 1,000 images are correct; others with a longer or a larger run."""

    minimum_gain = MINIMUM_GAIN

    def __init__(self, longer, larger, budget=9.0, has_accepted=False):
        self.reached = {"stopped_too_early": longer, "insufficient_capacity": larger}
        self.budget, self.has_accepted = budget, has_accepted
        self.correct = np.arange(1000) < 500
        self.trained, self.accepted = [], []
        self.results = {}
        self.is_done = False

    def can_afford(self, count=1.0):
        return count <= self.budget

    def train(self, name, intervention, at_initialization=True, lengths=1.0):
        if self.reached[name] is None:
            raise NotApplicableError("the optimizer cannot be copied")
        differences = intervention.differences()
        self.trained.append((name, differences, at_initialization, lengths))
        self.budget -= lengths
        return name

    def train_on(self, name, lengths=1.0):
        intervention = Intervention(train_for_factor=2.0)
        return self.train(name, intervention, False, lengths), intervention

    def correct_of(self, result):
        return np.arange(1000) < self.reached[result]

    def gain(self, result):
        return paired_difference(self.correct_of(result), self.correct)

    def accept(self, result, intervention):
        self.accepted.append((result, intervention.differences()))
        self.correct = self.correct_of(result)

    def share(self, kind, make):
        if kind not in self.results:
            self.results[kind] = make()
        return self.results[kind]

    def shared(self, kind):
        return self.results.get(kind)


@pytest.fixture
def seen(measured, accuracy, plateau):
    """Makes what both checks see."""

    def see(verdict="static", clean=700, validation=680, narrowest=32, **settings):
        return measured(
            accuracy(clean, validation),
            plateau(verdict),
            Capacity(narrowest, 12_345),
            **settings,
        )

    return see


def examined(made, trials):
    """Returns the status of both causes, in the order of a diagnosis."""
    findings = [
        examine(check, made, trials)
        for check in (StoppedTooEarly(), InsufficientCapacity())
    ]
    return {each.cause.name: each.status for each in findings if each is not None}


@pytest.mark.parametrize(
    ("longer", "larger", "accepted"),
    [
        (800, 500, [_LENGTH]),
        (500, 800, [_SIZE]),
        # A larger model learns faster as well.
        (800, 790, [_LENGTH]),
        (800, 820, [_LENGTH]),
        # More time helps a small one a little.
        (600, 800, [_SIZE]),
        # Neither: healthy ones gain a little by both.
        (540, 540, []),
        # A quarter of the errors is not asked of time.
        (580, 540, [_LENGTH]),
        (None, 800, [_SIZE]),
        (800, None, [_LENGTH]),
        (None, None, []),
    ],
)
def test_what_reaches_more_is_the_cause(seen, longer, larger, accepted):
    trials = Trials(longer, larger)
    statuses = examined(seen(), trials)
    assert trials.accepted == accepted
    tried = {"stopped_too_early": longer, "insufficient_capacity": larger}
    for name, reached in tried.items():
        if reached is None:
            assert statuses[name] == "suspected"
        else:
            assert (statuses[name] == "confirmed") == (name in dict(accepted))


@pytest.mark.parametrize(
    ("reached", "status"), [(800, "confirmed"), (500, "falsified"), (400, "falsified")]
)
def test_a_trial_decides(seen, reached, status):
    made = seen("improving", clean=990)
    assert examined(made, Trials(reached, None)) == {"stopped_too_early": status}
    finding = examine(InsufficientCapacity(), seen(), Trials(None, reached))
    assert finding.status == status
    assert finding.cost.value == pytest.approx(reached / 1000 - 0.5)


def test_of_very_few_units_a_smaller_gain_is_enough(seen):
    trials = Trials(500, 540)
    examined(seen(clean=900, validation=880, narrowest=1), trials)
    assert trials.accepted == [("insufficient_capacity", {"width_factor": 16.0})]


def test_what_was_tried(seen):
    trials = Trials(800, 500)
    examined(seen(narrowest=2), trials)
    size = ("insufficient_capacity", {"width_factor": 16.0}, True, 1.0)
    length = (*_LENGTH, False, 3.0)
    assert trials.trained == [length, size]


@pytest.mark.parametrize(
    ("budget", "steps", "lengths"),
    [
        (1.0, 1000, [1.0]),
        # It leaves a trial for the larger model.
        (2.5, 1000, [1.0, 1.0]),
        (3.0, 1000, [2.0, 1.0]),
        (9.0, 1000, [3.0, 1.0]),
        (99.0, 1000, [3.0, 1.0]),
        # One batch an epoch.
        (9.0, 10, [5.0, 1.0]),
        (99.0, 10, [30.0, 1.0]),
    ],
)
def test_trains_on_for_as_long_as_can_be_afforded(seen, budget, steps, lengths):
    trials = Trials(800, 500, budget=budget)
    examined(seen(steps_per_epoch=steps // 10), trials)
    assert [each[3] for each in trials.trained] == lengths


@pytest.mark.parametrize(
    ("fastest", "lengths", "status"),
    [(10.0, [10.0, 1.0], "confirmed"), (0.5, [1.0], "suspected")],
)
def test_shorter_where_it_turns_out_too_slow(seen, fastest, lengths, status):
    class Slow(Trials):
        def train_on(self, name, lengths=1.0):
            if lengths > fastest:
                raise TooSlowError("it would take 200 s, and 60 s are left")
            return super().train_on(name, lengths)

    trials = Slow(800, 500, budget=99.0)
    statuses = examined(seen(steps_per_epoch=1), trials)
    assert statuses["stopped_too_early"] == status
    assert [each[3] for each in trials.trained] == lengths


def test_without_a_budget_nothing_is_tried(seen):
    trials = Trials(800, 500, budget=0.5)
    statuses = examined(seen(), trials)
    assert set(statuses.values()) == {"suspected"}
    assert trials.trained == []


def test_neither_is_tried_where_something_was_accepted(seen):
    """That trial had a third of the time: more of it would always help."""
    trials = Trials(800, 900, has_accepted=True)
    assert set(examined(seen(), trials).values()) == {"suspected"}
    assert trials.trained == []


def test_what_is_learnt_needs_no_larger_model(seen):
    trials = Trials(800, 900)
    examined(seen("improving", clean=990), trials)
    assert [each[0] for each in trials.trained] == ["stopped_too_early"]


@pytest.mark.parametrize(
    ("larger", "statuses"),
    [
        # It was decided beside the other one, before that explained all errors.
        (500, {"insufficient_capacity": "falsified"}),
        (None, {}),
    ],
)
def test_once_all_is_explained_only_what_was_decided_is_reported(
    seen, larger, statuses
):
    trials = Trials(800, larger)
    examine(StoppedTooEarly(), seen(), trials)
    trials.is_done = True
    finding = examine(InsufficientCapacity(), seen(), trials)
    name = {} if finding is None else {finding.cause.name: finding.status}
    assert name == statuses


def test_the_remedy_is_what_was_tried(seen):
    finding = examine(StoppedTooEarly(), seen("improving", 990), Trials(800, None))
    assert finding.remedy.intervention.train_for_factor == 2.0
    assert "initial_epoch=10, epochs=20" in finding.remedy.code[-1]


def test_what_could_not_be_tried_is_not_measured(seen):
    finding = examine(StoppedTooEarly(), seen("improving", 990), Trials(None, None))
    assert (finding.status, finding.cost) == ("suspected", None)
    assert finding.evidence[-1].value == "not measured"
    assert finding.evidence[-1].source == "the optimizer cannot be copied"
