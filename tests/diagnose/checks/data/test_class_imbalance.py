"""Tests of framework/diagnose/checks/data/class_imbalance.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.checks.data import class_imbalance
from framework.diagnose.checks.data.class_imbalance import ClassImbalance
from framework.diagnose.core.budget import Budget
from framework.diagnose.core.check import examine
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.trials import Trials
from framework.diagnose.measure.class_balance import ClassBalance
from framework.numerics.intervals import Estimate


def blobs(counts, distance, seed=0):
    """Returns rows of features of classes that overlap more the closer they are."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    features = generator.normal(size=(len(labels), 8)).astype(np.float32)
    features[np.arange(len(labels)), labels] += distance
    return Split(features, labels)


@pytest.fixture
def examined_twice(context, examined):
    """Returns findings without and with a trial, and the trial's interventions."""

    def run(counts, distance, validation=(200, 200, 200)):
        case = context(blobs(counts, distance), blobs(validation, distance, 1))
        before = examined(ClassImbalance(), case)
        trials = Trials(case, Budget(), lambda line: None)
        after = examine(ClassImbalance(), case.measurements, trials)
        return before, after, case.program.interventions

    return run


def balance(gap):
    """Returns uneven classes with a gap between frequent and rare ones."""
    return ClassBalance(evenness=0.3, ratio=20.0, gap=gap)


@pytest.fixture
def decided(monkeypatch, validity, measured, context):
    """Returns the finding for a gap and the gain of a trial; None if it fails."""

    def run(gap, gain):
        class GivenTrials(Trials):
            """Gain what is given."""

            def train(self, name, intervention, at_initialization=True, lengths=1.0):
                if gain is None:
                    raise NotApplicableError("it cannot be balanced")
                return super().train(name, intervention, at_initialization, lengths)

        monkeypatch.setattr(class_imbalance, "balanced_mean", lambda *values: gain)
        case = context(blobs((90, 30), 1.0), blobs((50, 50), 1.0))
        trials = GivenTrials(case, Budget(), lambda line: None)
        finding = examine(ClassImbalance(), measured(validity(), balance(gap)), trials)
        return finding, trials

    return run


def test_confirmed_where_rare_classes_are_not_learnt(examined_twice):
    before, after, interventions = examined_twice((1000, 100, 50), 2.0)
    assert (before.cause.name, before.status) == ("class_imbalance", "suspected")
    assert after.status == "confirmed"
    assert after.cost.low > 0.03
    assert [each.balance for each in interventions] == [True]


def test_confirmed_where_validation_is_as_uneven(examined_twice):
    before, after, _ = examined_twice((1000, 100, 50), 2.0, (1000, 100, 50))
    assert before.status == "suspected"
    assert after.status == "confirmed"


def test_silent_where_rare_classes_do_well(examined_twice):
    # Trap H20: ten to one, and a balanced accuracy of .95 and more.
    assert examined_twice((1000, 300, 90), 8.0)[0] is None
    assert examined_twice((1000, 100, 50), 12.0)[0] is None


def test_silent_on_even_classes(examined_twice):
    assert examined_twice((300, 300, 300), 1.0)[0] is None
    assert examined_twice((300, 200, 150), 1.0)[0] is None


@pytest.mark.parametrize(("outside", "fires"), [(0, True), (1, False)])
def test_silent_on_illegal_labels(judged, validity, outside, fires):
    known = validity(outside), balance(Estimate(0.2, 0.1, 0.3))
    finding = judged(ClassImbalance(), *known)
    assert (finding is not None) == fires


def test_evidence_and_message(decided):
    finding, trials = decided(Estimate(0.2, 0.1, 0.3), Estimate(0.01, -0.02, 0.04))
    assert finding.message == (
        "the most frequent class has 20 times as many training images as the rarest, "
        "and accuracy is 20.0% higher where classes count as often as in training than "
        "where all count the same"
    )
    assert finding.status == "falsified"
    assert [str(each.threshold) for each in finding.evidence] == [
        "below 0.5",
        "above 10",
        "the interval above 0, and above 5 points; decisive for certain above 0.15",
        "the interval above 0, and 3 points or more",
    ]
    assert finding.remedy.intervention.differences() == {"balance": True}
    assert not trials.has_accepted


def test_a_gain_is_accepted_and_is_the_cost(decided):
    gain = Estimate(0.1, 0.05, 0.15)
    finding, trials = decided(Estimate(0.2, 0.1, 0.3), gain)
    assert (finding.status, finding.cost) == ("confirmed", gain)
    assert trials.has_accepted


def test_a_wide_gap_is_decisive_though_drawing_more_of_the_same_is_no_help(decided):
    gap = Estimate(0.3, 0.2, 0.4)
    gain = Estimate(0.01, -0.02, 0.04)
    finding, trials = decided(gap, gain)
    # The gap is evidence; what the trial has gained is the cost.
    assert (finding.status, finding.cost) == ("confirmed", gain)
    assert not trials.has_accepted


def test_what_cannot_be_balanced_stays_suspected(decided):
    finding, _ = decided(Estimate(0.3, 0.2, 0.4), None)
    assert (finding.status, finding.cost) == ("suspected", None)
