"""Tests of framework/diagnose/core/learning_curve.py."""

import dataclasses

import numpy as np
import pytest

from framework.diagnose.core import learning_curve
from framework.diagnose.core.budget import Budget
from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.finding import Finding, Remedy
from framework.diagnose.core.learning_curve import MoreImages, doubled
from framework.diagnose.core.trials import Trials
from framework.numerics.intervals import Estimate

SIZES = (250, 500, 1000)


def wrong(errors, images, generator=None, seeds=1):
    """Returns which images are wrong: exactly these fractions, or drawn by them."""
    errors = np.asarray(errors)[None, :, None]
    if generator is None:
        return 1.0 * (np.arange(images) < errors * images)
    return 1.0 * (generator.uniform(size=(seeds, 3, images)) < errors)


@pytest.mark.parametrize(
    ("a", "b", "power"), [(0.0, 6.0, 0.5), (0.1, 6.0, 0.5), (0.0, 100.0, 1.0)]
)
def test_a_power_law_goes_on(a, b, power):
    errors = [a + b * size**-power for size in SIZES]
    gain = doubled(SIZES, wrong(errors, 100_000)).value
    expected = b * (1000**-power - 2000**-power)
    assert gain == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("errors", [(0.2, 0.2, 0.2), (0.2, 0.25, 0.3)])
def test_where_more_images_have_not_helped_they_will_not(errors):
    gain = doubled(SIZES, wrong(errors, 1_000))
    assert gain.value == pytest.approx(0, abs=1e-9)
    assert 0 <= gain.low <= gain.high < 0.05


def test_the_interval_holds_the_true_gain_nearly_always():
    errors = [6 * size**-0.5 for size in SIZES]
    expected = 6 * (1000**-0.5 - 2000**-0.5)
    held, widths = 0, []
    for seed in range(60):
        generator = np.random.default_rng(seed)
        gain = doubled(SIZES, wrong(errors, 400, generator))
        held += gain.low <= expected <= gain.high
        widths.append(gain.high - gain.low)
    # 95 % of 60 are 57; 51 or fewer have odds of 1 in 100.
    assert held > 51
    assert np.mean(widths) < 0.12


def test_seeds_that_differ_widen_the_interval():
    alike = wrong((0.3, 0.25, 0.2), 1_000)
    other = wrong((0.36, 0.19, 0.26), 1_000)
    one, same, apart = (
        doubled(SIZES, np.concatenate(each))
        for each in ([alike], [alike, alike], [alike, other])
    )
    assert same == one
    assert apart.high - apart.low > 1.5 * (one.high - one.low)


@pytest.fixture
def trials(context, scans):
    """Makes trials of a linear program on a number of training images."""

    def trials(count=300, budget=1.0, **settings):
        train = scans.train.take(np.arange(count))
        made = context(train, scans.validation)
        changed = dataclasses.replace(made.settings, **settings)
        made = dataclasses.replace(made, settings=changed)
        return Trials(made, Budget.parse(budget), lambda line: None)

    return trials


def test_three_trials_are_run_on_growing_subsets(trials):
    made = trials()
    images = learning_curve.estimate(made)
    interventions = made.context.program.interventions
    small, half, every = (each.train for each in interventions)
    assert [len(each) for each in (half, every)] == pytest.approx([150, 300], abs=5)
    assert len(small) == pytest.approx(75, abs=5)
    # Each has all classes, and smaller ones are in larger ones.
    assert all(set(each.labels) == set(range(10)) for each in (small, half))
    assert {each.tobytes() for each in small.images} <= {
        each.tobytes() for each in half.images
    }
    assert (images.per_class, images.seeds) == (30, 1)
    assert images.errors[0] > images.errors[2]
    assert 0 <= images.gain.low <= images.gain.value <= images.gain.high < 0.2


def test_without_budget_or_with_a_sample_only_nothing_is_tried(trials):
    for made in (trials(epochs=1000, budget=0.1), trials(train_images=60_000)):
        assert learning_curve.estimate(made) is None
        assert not made.ledger


def finding(cause, status="confirmed"):
    return Finding(CAUSES[cause], status, "", (), Remedy("augment"), "")


def test_the_action_is_told_where_images_would_help(trials, monkeypatch):
    gain = MoreImages(30, Estimate(0.06, 0.04, 0.09), (0.3, 0.2, 0.15), 2)
    monkeypatch.setattr(learning_curve, "estimate", lambda trials: gain)
    given = [
        finding("overfitting"),
        finding("homogeneous_training_data", "falsified"),
        finding("learning_rate_too_low"),
    ]
    first, *others = learning_curve.with_estimate(given, trials())
    assert first.remedy.text == (
        "augment; 30 more images a class (as many again): +4 to +9 points, by a "
        "learning curve"
    )
    (shown,) = first.evidence
    assert shown.value == gain.gain
    assert "30.0%, 20.0%, 15.0%, in trials of equal length with 2 seed" in shown.source
    assert others == given[1:]


def test_nothing_is_tried_for_other_causes(trials, monkeypatch):
    monkeypatch.delattr(learning_curve, "estimate")
    given = [finding("learning_rate_too_low"), finding("overfitting", "falsified")]
    assert learning_curve.with_estimate(given, trials()) == given


def test_the_causes_exist():
    assert set(learning_curve.MENDED_BY_IMAGES) <= set(CAUSES)
