"""Tests of framework/diagnose/core/trials.py."""

import types

import numpy as np
import pytest

from framework.diagnose.core import trials as trials_lib
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.diagnose.core.trials import (
    LENGTH,
    MINIMUM_GAIN,
    Decision,
    Trials,
    is_gain,
    status_of,
)
from framework.numerics.intervals import Estimate

_IMAGES = 1000
_SUSPECTED = Decision("suspected")


def correct(fraction, images=_IMAGES):
    return np.arange(images) < round(fraction * images)


class Program:
    """Reaches an accuracy that depends on the intervention; records all trials."""

    def __init__(self, reached, images):
        self.reached, self.images = reached, images
        self.trained = []

    def train(self, name, intervention, epochs, at_initialization):
        self.trained.append((name, intervention, epochs, at_initialization))
        fraction = self.reached(intervention)
        if fraction is None:
            raise NotApplicableError
        predicted = np.where(correct(fraction, self.images), 0, 1)
        return TrialResult(predicted, np.arange(4) // 2, epochs)


def make(
    reached,
    accuracy=0.5,
    train_accuracy=0.9,
    epochs=300.0,
    per_epoch=100,
    budget=1.0,
    images=_IMAGES,
    progress=lambda line: None,
):
    """Returns trials of a program that has reached an accuracy."""
    fractions = {"validation": accuracy, "train": train_accuracy}
    context = types.SimpleNamespace(
        settings=types.SimpleNamespace(epochs=epochs, steps_per_epoch=per_epoch),
        correct=lambda name: correct(fractions[name], images),
        train=types.SimpleNamespace(labels=np.zeros(4, np.int64)),
        validation=types.SimpleNamespace(labels=np.zeros(images, np.int64)),
        program=Program(reached, images),
    )
    return Trials(context, budget, progress)


def run(trials, intervention=None, name="overfitting"):
    return trials.run(name, intervention or Intervention(dropout=0.5))


@pytest.mark.parametrize(
    ("reached", "status"),
    [
        (0.8, "confirmed"),
        (0.61, "confirmed"),
        # For certain, but little beside the half that is missing.
        (0.59, "falsified"),
        (0.5, "falsified"),
        (0.2, "falsified"),
    ],
)
def test_a_trial_decides(reached, status):
    decision = run(make(lambda intervention: reached))
    assert decision.status == status
    assert decision.cost.value == pytest.approx(reached - 0.5)


def test_few_images_confirm_nothing():
    assert run(make(lambda intervention: 0.6, images=20)).status == "falsified"


def test_evidence():
    (evidence,) = run(make(lambda intervention: 0.8)).evidence
    assert evidence.name == "gain in validation accuracy of the trial"
    assert evidence.value.value == pytest.approx(0.3)
    assert evidence.threshold == "the interval above 0, and 10% or more"
    assert evidence.source == "trained anew for 100 epochs, against the run's end"


def test_what_cannot_be_changed_stays_suspected():
    trials = make(lambda intervention: None)
    assert run(trials) == _SUSPECTED
    assert trials.can_afford(3)
    assert trials.ledger == []


def test_without_a_budget_nothing_is_tried():
    trials = make(lambda intervention: 0.5, budget=2 * LENGTH)
    statuses = [run(trials).status for _ in range(3)]
    assert statuses == ["falsified", "falsified", "suspected"]
    assert len(trials.context.program.trained) == 2


def test_few_steps_are_free_whatever_the_budget():
    trials = make(lambda intervention: 0.5, epochs=30, per_epoch=10, budget=0.0)
    assert run(trials).status == "falsified"
    trials = make(lambda intervention: 0.5, epochs=1000, per_epoch=100, budget=0.0)
    assert run(trials).status == "suspected"


@pytest.mark.parametrize(
    ("epochs", "per_epoch", "length"),
    [
        (300.0, 100, 100.0),
        # Fewer steps show nothing.
        (30.0, 20, 15.0),
        # But no trial is longer than the run.
        (5.0, 10, 5.0),
        (0.5, 10, 0.5),
    ],
)
def test_the_length_of_a_trial(epochs, per_epoch, length):
    trials = make(lambda intervention: 0.5, epochs=epochs, per_epoch=per_epoch)
    run(trials)
    ((name, _, trained_for, at_initialization),) = trials.context.program.trained
    assert (name, trained_for, at_initialization) == ("overfitting", length, True)


def test_the_ledger_records_each_trial():
    trials = make(lambda intervention: 0.8)
    run(trials)
    (record,) = trials.ledger
    assert (record.name, record.epochs) == ("overfitting", 100.0)
    assert record.gain.value == pytest.approx(0.3)
    assert set(record.as_json()) == {
        "name",
        "epochs",
        "seconds",
        "gain",
        "gain_interval",
    }


def test_a_later_cause_must_add_to_what_earlier_ones_gained():
    """Either intervention alone reaches the same: only the first is a cause."""
    trials = make(lambda intervention: 0.8 if intervention.differences() else 0.5)
    slower = Intervention(learning_rate_factor=0.1)
    both = Intervention(learning_rate_factor=0.1, dropout=0.0)
    assert run(trials, slower).status == "confirmed"
    decision = run(trials, both)
    assert (decision.status, decision.cost.value) == ("falsified", 0.0)
    # It was tried on top of the first.
    _, intervention, _, _ = trials.context.program.trained[1]
    assert intervention.learning_rate_factor == pytest.approx(0.01)
    assert np.array_equal(trials.correct, correct(0.8))


def test_two_causes_are_both_found():
    def reached(intervention):
        has_dropout = intervention.dropout is not None
        return 0.5 + 0.2 * intervention.unfreeze + 0.2 * has_dropout

    trials = make(reached)
    interventions = Intervention(unfreeze=True), Intervention(dropout=0.0)
    decisions = [run(trials, each) for each in interventions]
    assert [each.status for each in decisions] == ["confirmed"] * 2
    assert [each.cost.value for each in decisions] == pytest.approx([0.2, 0.2])


def test_the_gap_is_that_after_what_was_accepted():
    trials = make(lambda intervention: 0.5 + 0.2 * intervention.unfreeze)
    assert (trials.gap, trials.has_accepted) == (pytest.approx(0.4), False)
    run(trials, Intervention(dropout=0.0))
    assert (trials.gap, trials.has_accepted) == (pytest.approx(0.4), False)
    run(trials, Intervention(unfreeze=True))
    # Of the training images, half are correct then.
    assert (trials.gap, trials.has_accepted) == (pytest.approx(0.5 - 0.7), True)


def test_progress_tells_what_is_left():
    told = []
    trials = make(lambda intervention: 0.5, progress=told.append)
    run(trials)
    run(trials)
    assert told == [
        "trial of overfitting: 100 epochs; 300 are left",
        "trial of overfitting: 100 epochs; 200 are left",
    ]


def test_what_was_falsified_is_not_accepted():
    trials = make(lambda intervention: 0.5)
    run(trials, Intervention(width_factor=2))
    run(trials, Intervention(dropout=0.0))
    _, intervention, _, _ = trials.context.program.trained[1]
    assert intervention.differences() == {"dropout": 0.0}


def test_a_gain_must_be_no_small_fraction_of_what_was_gained_before():
    def reached(intervention):
        return 0.84 if intervention.dropout == 0 else 0.8

    trials = make(reached, accuracy=0.2)
    assert run(trials, Intervention(width_factor=2)).status == "confirmed"
    minimum = trials_lib._FRACTION * 0.6
    assert MINIMUM_GAIN < 0.04 < minimum
    decision = run(trials, Intervention(dropout=0.0))
    assert decision.status == "falsified"
    threshold = f"the interval above 0, and {minimum:.0%} or more"
    assert decision.evidence[0].threshold == threshold


@pytest.mark.parametrize(
    ("accuracy", "reached", "is_done"),
    [
        (0.5, 0.8, False),
        (0.5, 0.99, True),
        # What is left is a small fraction of what has been gained.
        (0.1, 0.9, True),
        (0.98, 0.98, True),
        (0.96, 0.96, False),
    ],
)
def test_when_nothing_is_left_to_explain(accuracy, reached, is_done):
    trials = make(lambda intervention: reached, accuracy=accuracy)
    run(trials)
    assert trials.is_done is is_done


@pytest.mark.parametrize(
    ("gain", "is_enough"),
    [
        (Estimate(0.1, 0.01, 0.2), True),
        (Estimate(0.1, 0.0, 0.2), False),
        (Estimate(MINIMUM_GAIN, 0.01, 0.05), True),
        (Estimate(0.99 * MINIMUM_GAIN, 0.01, 0.05), False),
        (Estimate(float("nan"), 0.1, 0.2), False),
    ],
)
def test_what_a_gain_is(gain, is_enough):
    assert is_gain(gain) is is_enough
    assert status_of(gain) == ("confirmed" if is_enough else "falsified")
    assert status_of(None) == "suspected"


def test_a_gain_that_is_small_beside_the_minimum_is_none():
    assert status_of(Estimate(0.2, 0.1, 0.3), minimum=0.25) == "falsified"


def both_needed(intervention):
    """Nothing helps but a tenth of the rate together with scaled inputs."""
    is_slower = intervention.learning_rate_factor == 0.1
    return 0.9 if intervention.standardize and is_slower else 0.5


def test_causes_that_help_together_only():
    trials = make(both_needed, budget=9.0)
    interventions = {
        "unnormalized_inputs": Intervention(standardize=True),
        "learning_rate_too_high": Intervention(learning_rate_factor=0.1),
        "overfitting": Intervention(dropout=0.5),
    }
    for name, intervention in interventions.items():
        assert run(trials, intervention, name).status == "falsified"
    names, gain = trials.run_together()
    # What is not needed is left out.
    assert names == {"unnormalized_inputs", "learning_rate_too_high"}
    assert gain.value == pytest.approx(0.4)


def three_needed(intervention):
    """Nothing helps but all of three faults mended, at the rate as it is."""
    is_mended = intervention.standardize and intervention.consistent_loss
    is_mended = is_mended and intervention.dropout == 0.0
    return 0.8 if is_mended and intervention.learning_rate_factor == 1 else 0.2


_THREE = {
    "unnormalized_inputs": Intervention(standardize=True),
    "loss_output_mismatch": Intervention(consistent_loss=True),
    "over_regularized": Intervention(dropout=0.0),
}


@pytest.mark.parametrize(("budget", "tried"), [(1.0, 3), (0.5, 1)])
def test_faults_that_hide_each_other_are_seen_beyond_the_budget(budget, tried):
    trials = make(three_needed, accuracy=0.2, budget=budget)
    others = {
        "learning_rate_too_high": Intervention(learning_rate_factor=0.1),
        "bad_initialization": Intervention(reinitialize=True),
    }
    decisions = {
        name: run(trials, each, name).status for name, each in (_THREE | others).items()
    }
    untried = {
        name: (_THREE | others)[name]
        for name, status in decisions.items()
        if status == "suspected"
    }
    assert len(decisions) - len(untried) == tried
    names, gain = trials.run_together(untried)
    assert names == set(_THREE)
    assert gain.value == pytest.approx(0.6)


def test_without_a_budget_nothing_is_put_together():
    trials = make(three_needed, budget=0.0)
    assert run(trials).status == "suspected"
    assert trials.run_together(_THREE) == (set(), None)


def test_a_rate_is_not_raised_and_lowered_together():
    trials = make(lambda intervention: 0.5, budget=9.0)
    for name, factor in (
        ("learning_rate_too_high", 0.1),
        ("learning_rate_too_low", 100.0),
        ("overfitting", 1.0),
    ):
        run(trials, Intervention(learning_rate_factor=factor, dropout=0.5), name)
    trials.run_together()
    _, intervention, _, _ = trials.context.program.trained[-1]
    assert intervention.learning_rate_factor == 100.0


def test_one_failure_is_nothing_to_put_together():
    trials = make(lambda intervention: 0.5, budget=9.0)
    run(trials)
    assert trials.run_together() == (set(), None)


def test_after_a_gain_nothing_is_put_together():
    trials = make(lambda intervention: 0.8 if intervention.dropout else 0.5, budget=9.0)
    for intervention in (
        Intervention(dropout=0.5),
        Intervention(width_factor=2.0),
        Intervention(shuffle=True),
    ):
        run(trials, intervention)
    assert trials.run_together() == (set(), None)


_CONSISTENT = Intervention(consistent_loss=True)


def test_what_is_certain_is_applied_whatever_it_gains():
    """Behind a fault that alone is enough, another one cannot be seen."""

    def reached(intervention):
        is_both = intervention.consistent_loss and intervention.standardize
        return 0.9 if is_both else 0.5

    trials = make(reached, budget=9.0)
    standardize = Intervention(standardize=True)
    assert run(trials, standardize, "unnormalized_inputs").status == "falsified"
    decision = trials.apply("loss_output_mismatch", _CONSISTENT)
    assert (decision.status, decision.cost.value) == ("confirmed", 0.0)
    assert decision.evidence[0].threshold == "shown only"
    assert (trials.has_accepted, trials.has_gained) == (True, False)
    names, gain = trials.run_together()
    assert (names, trials.has_gained) == ({"unnormalized_inputs"}, True)
    assert gain.value == pytest.approx(0.4)


def test_the_gain_of_what_is_certain_is_shown():
    trials = make(lambda intervention: 0.55)
    decision = trials.apply("loss_output_mismatch", Intervention(augment="flip"))
    assert decision.evidence[0].value.value == pytest.approx(0.05)


@pytest.mark.parametrize(("reached", "budget"), [(0.1, 9.0), (None, 9.0), (0.9, 0.0)])
def test_what_is_certain_stays_so_where_it_hurts_or_cannot_be_tried(reached, budget):
    trials = make(lambda intervention: reached, budget=budget)
    decision = trials.apply("loss_output_mismatch", _CONSISTENT)
    assert decision == Decision("confirmed")
    assert not trials.has_accepted


def test_a_shared_result_is_made_once():
    trials = make(lambda intervention: 0.5)
    assert trials.shared(Decision) is None
    made = [trials.share(Decision, lambda: Decision("suspected")) for _ in range(2)]
    assert made[0] is made[1] is trials.shared(Decision)
