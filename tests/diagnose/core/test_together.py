"""Tests of framework/diagnose/core/together.py."""

import pytest

from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.together import run_together


def run(trials, intervention=None, name="overfitting"):
    return trials.run(name, intervention or Intervention(dropout=0.5))


def both_needed(intervention):
    """Nothing helps but a tenth of the rate together with scaled inputs."""
    is_slower = intervention.learning_rate_factor == 0.1
    return 0.9 if intervention.standardize and is_slower else 0.5


def test_causes_that_help_together_only(make):
    trials = make(both_needed, budget=9.0)
    interventions = {
        "unnormalized_inputs": Intervention(standardize=True),
        "learning_rate_too_high": Intervention(learning_rate_factor=0.1),
        "overfitting": Intervention(dropout=0.5),
    }
    for name, intervention in interventions.items():
        assert run(trials, intervention, name).status == "falsified"
    names, gain = run_together(trials)
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
def test_faults_that_hide_each_other_are_seen_beyond_the_budget(budget, tried, make):
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
    names, gain = run_together(trials, untried)
    assert names == set(_THREE)
    assert gain.value == pytest.approx(0.6)


def test_without_a_budget_nothing_is_put_together(make):
    trials = make(three_needed, budget=0.0)
    assert run(trials).status == "suspected"
    assert run_together(trials, _THREE) == (set(), None)


def test_a_rate_is_not_raised_and_lowered_together(make):
    trials = make(lambda intervention: 0.5, budget=9.0)
    for name, factor in (
        ("learning_rate_too_high", 0.1),
        ("learning_rate_too_low", 100.0),
        ("overfitting", 1.0),
    ):
        run(trials, Intervention(learning_rate_factor=factor, dropout=0.5), name)
    run_together(trials)
    _, intervention, _, _ = trials.context.program.trained[-1]
    assert intervention.learning_rate_factor == 100.0


def test_one_failure_is_nothing_to_put_together(make):
    trials = make(lambda intervention: 0.5, budget=9.0)
    run(trials)
    assert run_together(trials) == (set(), None)


def test_after_a_gain_nothing_is_put_together(make):
    trials = make(lambda intervention: 0.8 if intervention.dropout else 0.5, budget=9.0)
    for intervention in (
        Intervention(dropout=0.5),
        Intervention(width_factor=2.0),
        Intervention(shuffle=True),
    ):
        run(trials, intervention)
    assert run_together(trials) == (set(), None)


@pytest.mark.parametrize(("left", "is_run"), [(1.5, True), (0.5, False)])
def test_no_limit_of_seconds_is_exceeded(make, left, is_run):
    """Beyond the budget, but not beyond the end of all."""
    trials = make(
        lambda intervention: 0.9 if len(intervention.differences()) > 1 else 0.5,
        budget=2 / 3,
        seconds=300.0,
    )
    for name, each in (
        ("unnormalized_inputs", Intervention(standardize=True)),
        ("over_regularized", Intervention(dropout=0.0)),
    ):
        assert run(trials, each, name).status == "falsified"
    assert not trials.can_afford()
    remaining = trials._runner.remaining
    # An epoch takes a second.
    remaining._per_epoch = 1.0
    remaining.limit = remaining.elapsed + left * 100.0
    assert (run_together(trials)[1] is not None) == is_run
