"""Tests of framework/diagnose/core/trials.py."""

import types

import numpy as np
import pytest

from framework.diagnose.core import runner as runner_lib
from framework.diagnose.core import standing as standing_lib
from framework.diagnose.core.budget import Allowance, TooSlowError
from framework.diagnose.core.decision import MINIMUM_GAIN, Decision, threshold
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.runner import LENGTH
from framework.diagnose.core.together import run_together

_IMAGES = 1000


def correct(fraction, images=_IMAGES):
    return np.arange(images) < round(fraction * images)


def run(trials, intervention=None, name="overfitting"):
    return trials.run(name, intervention or Intervention(dropout=0.5))


@pytest.mark.parametrize(
    ("reached", "status"),
    [
        (0.8, "confirmed"),
        (0.61, "confirmed"),
        # For certain, but little beside the half that is missing.
        (0.59, "minor"),
        (0.5, "falsified"),
        (0.2, "falsified"),
    ],
)
def test_a_trial_decides(reached, status, make):
    decision = run(make(lambda intervention: reached))
    assert decision.status == status
    assert decision.cost.value == pytest.approx(reached - 0.5)


def test_few_images_decide_nothing(make):
    assert run(make(lambda intervention: 0.6, images=20)).status == "unresolved"


@pytest.mark.parametrize(
    ("at_equal_length", "reached", "status"),
    [
        # At a third of the run it was far behind: half of the gain is enough.
        (0.3, 0.56, "confirmed"),
        (0.3, 0.53, "minor"),
        # It had nearly been as good then.
        (0.49, 0.56, "minor"),
        # Faster for certain, but whether it ends higher was not seen.
        (0.2, 0.45, "unresolved"),
        (0.4, 0.45, "falsified"),
        (0.4, 0.7, "confirmed"),
    ],
)
def test_the_run_at_equal_length_is_a_control(at_equal_length, reached, status, make):
    curve = [at_equal_length, 0.5, 0.5]
    decision = run(make(lambda intervention: reached, curve=curve))
    assert decision.status == status
    end, equal, *_ = decision.evidence
    assert end.value.value == pytest.approx(reached - 0.5)
    assert equal.value.value == pytest.approx(reached - at_equal_length)


def test_what_more_of_the_same_would_gain_explains_nothing(make):
    """A curve that still rises: training longer gains as much."""
    for expected, status in ((0.0, "confirmed"), (0.3, "minor"), (0.1, "confirmed")):
        trials = make(lambda intervention: 0.7, curve=[0.1, 0.4, 0.5])
        trials.expected = expected
        assert run(trials).status == status
        assert not trials.is_done


@pytest.mark.parametrize(
    ("second", "status", "cost"),
    [(0.62, "confirmed", 0.115), (0.48, "unresolved", 0.045), (0.53, "minor", 0.07)],
)
def test_a_gain_that_may_be_luck_is_measured_with_another_seed(
    second, status, cost, make
):
    trials = make(lambda intervention: second if intervention.seed else 0.61, budget=9)
    decision = run(trials)
    assert decision.status == status
    assert decision.cost.value == pytest.approx(cost)
    assert [each.name for each in trials.ledger] == ["overfitting", "overfitting again"]
    assert decision.evidence[-1].value.value == pytest.approx(second - 0.5)
    # What is accepted is what was asked for, not the seed.
    assert trials.has_accepted == (status == "confirmed")
    assert trials.accepted is None or trials.accepted.intervention.seed == 0


@pytest.mark.parametrize(
    ("first", "second", "status", "trials_run"),
    [
        (0.8, 0.8, "confirmed", 2),
        # Luck: the run itself swings as far.
        (0.8, 0.45, "unresolved", 2),
        # With the same gain again it would be as doubtful.
        (0.65, 0.65, "unresolved", 1),
    ],
)
def test_a_gain_over_a_run_that_swings_needs_another_seed(
    first, second, status, trials_run, make
):
    trials = make(
        lambda intervention: second if intervention.seed else first,
        budget=9,
        curve=[0.35, 0.65, 0.35, 0.65, 0.5],
    )
    assert run(trials).status == status
    assert len(trials.ledger) == trials_run


def test_a_gain_beyond_doubt_needs_no_other_seed(make):
    trials = make(lambda intervention: 0.8, budget=9)
    assert run(trials).status == "confirmed"
    assert len(trials.ledger) == 1


def test_a_trial_that_fails_is_not_measured(make):
    def fail(intervention):
        raise ValueError("no such shape")

    for reached, reason in (
        (fail, "ValueError: no such shape"),
        (lambda intervention: None, "it has no such layer"),
    ):
        trials = make(reached)
        decision = run(trials)
        assert (decision.status, decision.cost) == ("suspected", None)
        (evidence,) = decision.evidence
        assert evidence.value == "not measured"
        assert reason in evidence.source
        (record,) = trials.ledger
        assert reason in record.problem
        assert (record.gain, record.epochs) == (None, 0.0)
        assert record.as_json()["gain_interval"] is None
        assert not trials.failed


def test_training_on_is_what_is_printed(make):
    trials = make(lambda intervention: 0.5 + 0.1 * intervention.train_for_factor)
    result, intervention = trials.train_on("stopped_too_early", 2.0)
    assert intervention.differences() == {"train_for_factor": pytest.approx(5 / 3)}
    ((_, trained, epochs, at_initialization),) = trials.context.program.trained
    assert trained.differences() == intervention.differences()
    assert (epochs, at_initialization, result.epochs) == (200.0, False, 200.0)


def test_evidence(make):
    (evidence,) = run(make(lambda intervention: 0.8)).evidence
    assert evidence.name == "gain in validation accuracy of the trial"
    assert evidence.value.value == pytest.approx(0.3)
    assert str(evidence.threshold) == "the interval above 0, and 10 points or more"
    assert evidence.source == "trained anew for 100 epochs, against the run's end"


def test_what_cannot_be_changed_stays_suspected(make):
    trials = make(lambda intervention: None)
    assert run(trials).status == "suspected"
    assert trials.can_afford(3)


def test_without_a_budget_nothing_is_tried(make):
    trials = make(lambda intervention: 0.5, budget=2 * LENGTH)
    statuses = [run(trials).status for _ in range(3)]
    assert statuses == ["falsified", "falsified", "suspected"]
    assert len(trials.context.program.trained) == 2


def test_the_plan_says_what_trials_may_cost(make):
    trials = make(lambda intervention: 0.5, epochs=30, budget=2.0, seconds=60.0)
    assert trials.plan == (
        "trials of 10 epochs each, about 20 s; 60 epochs, about 120 s in all; none "
        "ends later than 150 s after the start; training has taken 60 s"
    )


def test_few_steps_are_free_whatever_the_budget(make):
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
def test_the_length_of_a_trial(epochs, per_epoch, length, make):
    trials = make(lambda intervention: 0.5, epochs=epochs, per_epoch=per_epoch)
    run(trials)
    ((name, _, trained_for, at_initialization),) = trials.context.program.trained
    assert (name, trained_for, at_initialization) == ("overfitting", length, True)


@pytest.mark.parametrize(
    ("seconds", "length"),
    [
        (0.0, 15.0),
        (30.0, 15.0),
        # 300 steps would be half of the training, and of the budget.
        (100.0, 10.0),
    ],
)
def test_a_trial_takes_no_more_than_a_third_of_the_budget_to_be_long_enough(
    seconds, length, make
):
    trials = make(lambda intervention: 0.5, epochs=30, per_epoch=20, seconds=seconds)
    run(trials)
    ((_, _, epochs, _),) = trials.context.program.trained
    assert epochs == pytest.approx(length)


@pytest.mark.parametrize("seconds", [30.0, 300.0])
def test_which_trials_may_take_too_long(make, seconds):
    """Others take as long as the training, but for chance; a long one has an end."""
    trials = make(lambda intervention: 0.5, seconds=seconds)
    run(trials)
    run(trials, Intervention(width_factor=4.0))
    usual, wider = trials.context.program.allowances
    assert (usual is None) == (seconds == 30.0)
    assert isinstance(wider, Allowance)


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [
        (0.0, "it would take 100 epochs; a budget of 0.67 tries it"),
        # Two trials of 9 s, in whole tens.
        (27.0, "it would take about 9 s; a budget of 20s tries it"),
    ],
)
def test_what_is_not_tried_says_what_it_would_cost(make, seconds, reason):
    trials = make(lambda intervention: 0.5, budget=0.0, seconds=seconds, per_epoch=1000)
    assert run(trials) == Decision("suspected")
    evidence = trials.untried(2)
    assert (evidence.value, evidence.source) == ("not tried", reason)
    assert make(lambda intervention: 0.5).untried(1) is None


def test_a_trial_that_is_too_slow_is_not_measured_and_costs_its_seconds(
    monkeypatch, make
):
    times = iter([100.0, 220.0])
    clock = types.SimpleNamespace(monotonic=lambda: next(times))
    monkeypatch.setattr(runner_lib, "time", clock)

    def slow(intervention):
        raise TooSlowError("it would take about 900 s, and 300 s are left")

    trials = make(slow, seconds=300.0)
    decision = run(trials, Intervention(width_factor=4.0), "insufficient_capacity")
    assert decision.status == "suspected"
    (record,) = trials.ledger
    assert (record.epochs, record.seconds, record.gain) == (0.0, 120.0, None)
    assert record.problem.startswith("it would take about 900 s")
    # In that time the training does 120 of its 300 epochs.
    assert trials._runner.remaining.allowance(1.0)._seconds == pytest.approx(
        300.0 - 120.0
    )


def test_the_ledger_records_each_trial(make):
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
        "problem",
    }


def test_a_later_cause_must_add_to_what_earlier_ones_gained(make):
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


def test_two_causes_are_both_found(make):
    def reached(intervention):
        has_dropout = intervention.dropout is not None
        return 0.5 + 0.2 * intervention.unfreeze + 0.2 * has_dropout

    trials = make(reached)
    interventions = Intervention(unfreeze=True), Intervention(dropout=0.0)
    decisions = [run(trials, each) for each in interventions]
    assert [each.status for each in decisions] == ["confirmed"] * 2
    assert [each.cost.value for each in decisions] == pytest.approx([0.2, 0.2])


def test_the_gap_is_that_after_what_was_accepted(make):
    trials = make(lambda intervention: 0.5 + 0.2 * intervention.unfreeze)
    assert (trials.gap, trials.has_accepted) == (pytest.approx(0.4), False)
    run(trials, Intervention(dropout=0.0))
    assert (trials.gap, trials.has_accepted) == (pytest.approx(0.4), False)
    run(trials, Intervention(unfreeze=True))
    # Of the training images, half are correct then.
    assert (trials.gap, trials.has_accepted) == (pytest.approx(0.5 - 0.7), True)


def test_progress_tells_what_is_left(make):
    lines = []
    trials = make(lambda intervention: 0.5, progress=lines.append)
    run(trials)
    run(trials)
    assert lines[0] == "trial of overfitting: 100 epochs; 300 epochs left"
    # And how long that will take, as the first has shown.
    assert lines[1].startswith("trial of overfitting: 100 epochs; 200 epochs, about")


def test_what_was_falsified_is_not_accepted(make):
    trials = make(lambda intervention: 0.5)
    run(trials, Intervention(width_factor=2))
    run(trials, Intervention(dropout=0.0))
    _, intervention, _, _ = trials.context.program.trained[1]
    assert intervention.differences() == {"dropout": 0.0}


def test_a_gain_must_be_no_small_fraction_of_what_was_gained_before(make):
    def reached(intervention):
        return 0.84 if intervention.dropout == 0 else 0.8

    trials = make(reached, accuracy=0.2)
    assert run(trials, Intervention(width_factor=2)).status == "confirmed"
    minimum = standing_lib.FRACTION * 0.6
    assert MINIMUM_GAIN < 0.04 < minimum
    decision = run(trials, Intervention(dropout=0.0))
    assert decision.status == "minor"
    assert str(decision.evidence[0].threshold) == str(threshold(minimum))


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
def test_when_nothing_is_left_to_explain(accuracy, reached, is_done, make):
    trials = make(lambda intervention: reached, accuracy=accuracy)
    run(trials)
    assert trials.is_done is is_done


_CONSISTENT = Intervention(consistent_loss=True)


def test_what_is_certain_is_applied_whatever_it_gains(make):
    """Behind a fault that alone is enough, another one cannot be seen."""

    def reached(intervention):
        is_both = intervention.consistent_loss and intervention.standardize
        return 0.9 if is_both else 0.5

    trials = make(reached, budget=9.0)
    standardize = Intervention(standardize=True)
    assert run(trials, standardize, "unnormalized_inputs").status == "falsified"
    decision = trials.apply("loss_output_mismatch", _CONSISTENT)
    assert (decision.status, decision.cost.value) == ("confirmed", 0.0)
    assert str(decision.evidence[0].threshold) == "shown only"
    assert (trials.has_accepted, trials.has_gained) == (True, False)
    names, gain = run_together(trials)
    assert (names, trials.has_gained) == ({"unnormalized_inputs"}, True)
    assert gain.value == pytest.approx(0.4)


def test_the_gain_of_what_is_certain_is_shown(make):
    trials = make(lambda intervention: 0.55)
    decision = trials.apply("loss_output_mismatch", Intervention(augment="flip"))
    assert decision.evidence[0].value.value == pytest.approx(0.05)


@pytest.mark.parametrize(("reached", "budget"), [(0.1, 9.0), (None, 9.0), (0.9, 0.0)])
def test_what_is_certain_stays_so_where_it_hurts_or_cannot_be_tried(
    reached, budget, make
):
    trials = make(lambda intervention: reached, budget=budget)
    decision = trials.apply("loss_output_mismatch", _CONSISTENT)
    assert (decision.status, decision.cost) == ("confirmed", None)
    assert bool(decision.evidence) == (reached is None)
    assert not trials.has_accepted


def test_a_shared_result_is_made_once(make):
    trials = make(lambda intervention: 0.5)
    assert trials.shared(Decision) is None
    made = [trials.share(Decision, lambda: Decision("suspected")) for _ in range(2)]
    assert made[0] is made[1] is trials.shared(Decision)


def test_no_gain_counts_on_images_that_are_left_out(make):
    # Half of the images are right; a trial has the first 800 right, of which the second
    # hundred were trained on.
    trials = make(lambda intervention: 0.8)
    left_out = np.zeros(_IMAGES, bool)
    left_out[500:800] = True
    trials.leave_out(left_out)
    assert trials.correct.sum() == 500
    assert len(trials.correct) == 700
    decision = run(trials)
    assert decision.status == "falsified"
    assert decision.cost.value == 0
    assert not trials.has_gained


def test_gains_on_other_images_still_count(make):
    trials = make(lambda intervention: 0.8)
    left_out = np.arange(_IMAGES) < 300
    trials.leave_out(left_out)
    decision = run(trials)
    assert decision.status == "confirmed"
    assert decision.cost.value == pytest.approx(300 / 700)
    assert trials.correct.sum() == 500


def test_without_images_to_judge_there_are_no_trials(make):
    trials = make(lambda intervention: 0.8)
    trials.leave_out(np.arange(_IMAGES) < 970)
    assert run(trials) == Decision("suspected")
    trials.leave_out(np.ones(_IMAGES, bool))
    assert not trials.is_done
    assert not trials.has_gained


def test_a_trial_may_be_as_long_as_the_run(make):
    trials = make(lambda intervention: 0.7, budget=1.5)
    assert trials.whole == pytest.approx(3.0)
    decision = trials.run("frozen_weights", Intervention(unfreeze=True), trials.whole)
    assert decision.status == "confirmed"
    ((_, _, epochs, _),) = trials.context.program.trained
    assert epochs == pytest.approx(300.0)
    # Nothing is left for another one.
    again = trials.run("frozen_weights", Intervention(unfreeze=True), trials.whole)
    assert again == Decision("suspected")
