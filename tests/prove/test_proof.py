"""Tests of framework/prove/proof.py."""

import pytest

from framework.diagnose.core.intervention import Intervention
from framework.prove import plan as plan_lib
from framework.prove.manipulation import Check
from framework.prove.proof import prove
from framework.prove.refusals import RefusedError
from framework.prove.verdict import Verdict

HIGHER = Intervention(learning_rate_factor=10.0)
REMEDY = "learning_rate_too_low"
MET = Check("the rate", 10.0, "10", is_met=True)


def unchecked(comparison, remedied, unchanged):
    return (MET,)


def steady(**accuracies):
    """Accuracies by the beginning of the arm's name; seeds differ by a point."""

    def accuracy(arm, seed):
        (name,) = [each for each in accuracies if arm.startswith(each)]
        return accuracies[name] + 0.01 * (seed % 2)

    return accuracy


def test_a_large_gain_is_proven_with_three_seeds(planned, fake):
    arms = fake(steady(unchanged=0.3, placebo=0.3, learning_rate_too_low=0.9))
    (result,) = prove(planned(), arms, unchecked)
    assert (result.verdict.name, result.seeds) == ("proven", 3)
    assert len(arms.trained) == 9
    assert set(result.gains) == {result.comparison.unchanged, result.comparison.placebo}
    assert all(each.value == pytest.approx(0.6) for each in result.gains.values())
    assert result.checks == (MET,)


def test_seeds_are_paired(planned, fake):
    """Seeds differ by 40 points, the arms always by 10: nothing but pairs can tell."""

    def accuracy(arm, seed):
        return 0.1 + 0.4 * (seed % 3 == 0) + 0.1 * arm.startswith(REMEDY)

    (result,) = prove(planned(), fake(accuracy), unchecked)
    assert (result.verdict.name, result.seeds) == ("proven", 3)


def test_the_placebo_is_trained_only_where_the_remedy_gains(planned, fake):
    arms = fake(steady(unchanged=0.5, learning_rate_too_low=0.5))
    (result,) = prove(planned(), arms, unchecked)
    assert (result.verdict.name, result.seeds) == ("no effect", 3)
    assert {name for name, _ in arms.trained} == {"unchanged", REMEDY}


def test_where_the_placebo_gains_as_much_nothing_is_proven(planned, fake):
    arms = fake(steady(unchanged=0.3, placebo=0.9, learning_rate_too_low=0.9))
    (result,) = prove(planned(), arms, unchecked)
    assert result.verdict.name == "unresolved"
    assert "the placebo gains as much" in result.verdict.reason


def test_a_loss_is_harmful(planned, fake):
    arms = fake(steady(unchanged=0.9, learning_rate_too_low=0.5))
    (result,) = prove(planned(), arms, unchecked)
    assert result.verdict.name == "harmful"


# A mean gain that more seeds might show to be certain, and do not.
HOPEFUL = (0.2, 0.2, 0.0, 0.1, -0.1, -0.1, 0.2, -0.1, 0.1, -0.1)


def by_seed(gains, control="unchanged"):
    """Accuracies where a remedy gains by seed over one control, much over the other."""

    def accuracy(arm, seed):
        if arm == REMEDY:
            return 0.7
        return 0.7 - gains[seed - 1] if arm.startswith(control) else 0.2

    return accuracy


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_while_it_is_open_seeds_are_added_up_to_the_last(planned, fake, seeds):
    arms = fake(by_seed(HOPEFUL))
    (result,) = prove(planned(seeds=seeds), arms, unchecked)
    assert (result.verdict.name, result.seeds) == ("unresolved", seeds)
    assert len(arms.trained) == 2 * seeds
    assert len(set(arms.trained)) == 2 * seeds


@pytest.mark.parametrize(("seeds", "wanted"), [(3, 3), (5, 3), (10, 5)])
def test_what_more_seeds_would_not_decide_ends_early(planned, fake, seeds, wanted):
    """Two of three seeds gain 20 points, then three of five: the mean is 8 to 10."""
    arms = fake(by_seed((0.2, 0.2, -0.1, 0.2, -0.1)))
    (result,) = prove(planned(seeds=seeds), arms, unchecked)
    assert (result.verdict.name, result.seeds) == ("unresolved", wanted)
    assert len(arms.trained) == 2 * wanted
    assert (f"{seeds} seeds would not tell" in result.verdict.reason) == (seeds > 3)


# A gain that is certain after five seeds, and not after three.
LATE = (0.3, 0.1, 0.3, 0.2, 0.2)


@pytest.mark.parametrize(
    ("control", "counts"),
    [
        # The placebo is decided after its first three seeds.
        ("unchanged", (5, 5, 3)),
        # The unchanged program is decided: it needs no more seeds.
        ("placebo", (5, 3, 5)),
    ],
)
def test_each_control_has_as_many_seeds_as_decide_it(planned, fake, control, counts):
    arms = fake(by_seed(LATE, control))
    plan = planned(seeds=5)
    (result,) = prove(plan, arms, unchecked)
    (comparison,) = plan.comparisons
    names = comparison.remedy, comparison.unchanged, comparison.placebo
    assert result.verdict.name == "proven"
    assert tuple(len(result.outcomes[name]) for name in names) == counts
    assert len(arms.trained) == sum(counts)
    assert {len(each.seeds) for each in result.gains.values()} == {3, 5}


def test_the_checks_are_of_the_seeds_that_both_have(planned, fake):
    counts = []

    def check(comparison, remedied, unchanged):
        counts.append((len(remedied), len(unchanged)))
        return (MET,)

    prove(planned(seeds=5), fake(by_seed(LATE, "placebo")), check)
    assert counts == [(3, 3)]


def test_it_goes_on_to_the_next_cause_and_stops_at_the_first_proven(planned, fake):
    plan = planned(
        exploding_gradients=Intervention(clip_norm=1.0),
        learning_rate_too_low=HIGHER,
        overfitting=Intervention(augment="flip"),
    )
    arms = fake(
        steady(
            unchanged=0.3,
            placebo=0.3,
            exploding_gradients=0.3,
            learning_rate_too_low=0.9,
        )
    )
    results = prove(plan, arms, unchecked)
    assert [each.verdict.name for each in results] == ["no effect", "proven"]
    assert not any(name == "overfitting" for name, _ in arms.trained)


def test_what_cannot_be_tried_is_followed_by_the_next(planned, fake):
    plan = planned(
        refused={"label_noise": "batch_size must be at most 10, not 32"},
        label_noise=Intervention(exclude=("flagged.csv",)),
        learning_rate_too_low=HIGHER,
    )
    arms = fake(steady(unchanged=0.3, placebo=0.3, learning_rate_too_low=0.9))
    first, second = prove(plan, arms, unchecked)
    assert (first.verdict.name, first.seeds) == ("cannot be tried", 0)
    assert first.verdict.reason == "batch_size must be at most 10, not 32"
    assert second.verdict.name == "proven"


@pytest.mark.parametrize("arm", [REMEDY, "unchanged"])
def test_what_training_refuses_cannot_be_tried(planned, fake, arm):
    arms = fake(steady(unchanged=0.3, placebo=0.3, learning_rate_too_low=0.9))

    def train(runs):
        raise RefusedError(arm, "the examples are not images")

    arms.train = train
    if arm != REMEDY:
        # What is compared with must be there.
        with pytest.raises(RefusedError, match="unchanged cannot be trained"):
            prove(planned(), arms, unchecked)
        return
    (result,) = prove(planned(), arms, unchecked)
    assert result.verdict == Verdict("cannot be tried", "the examples are not images")


def test_a_change_that_changes_nothing_proves_nothing(planned, fake):
    arms = fake(steady(unchanged=0.3, placebo=0.3, learning_rate_too_low=0.9))
    failed = Check("ratio of update_norm", 1.0, "10", is_met=False)
    (result,) = prove(planned(), arms, lambda *_: (MET, failed))
    assert result.verdict.name == "unresolved"
    assert "ratio of update_norm" in result.verdict.reason
    not_measured = Check("clip_norm", None, "", None, "a reason")
    (result,) = prove(planned(), arms, lambda *_: (MET, not_measured))
    assert result.verdict.name == "proven"


def test_each_look_is_told(planned, fake):
    told = []
    prove(planned(), fake(by_seed(HOPEFUL)), unchecked, told.append)
    assert [each.seeds for each in told] == [3, 5, 10]


@pytest.mark.parametrize(
    ("remedied", "name"),
    [
        # The number falls from 95 to 80 %, and is that of the test part.
        ((0.80, 0.80), "ruler fixed"),
        ((0.80, 0.95), "no effect"),
        ((0.65, 0.95), "harmful"),
        # The model is better, and the ruler as wrong as before.
        ((0.85, 1.0), "no effect"),
    ],
)
def test_a_remedy_of_the_ruler_is_judged_by_agreement(planned, fake, remedied, name):
    plan = planned(split_leakage=Intervention(clip_norm=1.0))
    arms = fake(lambda arm, seed: remedied if arm == "split_leakage" else (0.8, 0.95))
    (result,) = prove(plan, arms, unchecked)
    assert result.verdict.name == name
    assert result.agreement.before.value == pytest.approx(0.15)
    assert not any(arm.startswith("placebo") for arm, _ in arms.trained)


def test_without_a_test_part_no_ruler_is_fixed_and_nothing_trained(planned, fake):
    plan = planned(plan_lib.HALF, split_leakage=Intervention(clip_norm=1.0))
    arms = fake(lambda arm, seed: 0.5)
    (result,) = prove(plan, arms, unchecked)
    assert (result.verdict.name, result.seeds) == ("unresolved", 0)
    assert "without a test part" in result.verdict.reason
    assert not arms.trained
