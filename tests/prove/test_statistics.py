"""Tests of framework/prove/statistics.py."""

import math

import numpy as np
import pytest
from scipy import stats

from framework.prove import statistics
from framework.prove.statistics import (
    holm_level,
    levels,
    over_images,
    over_seeds,
    paired_gain,
    spent,
)

ALL_LOOKS = [(3,), (3, 5), (3, 4), (3, 5, 10), (3, 5, 8), (3, 5, 10, 30)]


@pytest.mark.parametrize("looks", ALL_LOOKS)
@pytest.mark.parametrize("alpha", [0.05, 0.025, 0.01])
def test_the_looks_spend_the_whole_and_no_more(looks, alpha):
    each = levels(looks, alpha)
    assert math.fsum(each) == pytest.approx(alpha)
    assert all(level > 0 for level in each)


def test_spends_as_lan_and_demets_with_pocock_type():
    # alpha ln(1 + (e - 1) t), from nothing at the start to alpha at the end.
    assert [spent(0.0), spent(1.0)] == pytest.approx([0.0, 0.05])
    assert spent(0.5) == pytest.approx(0.05 * math.log((1 + math.e) / 2))


@pytest.mark.parametrize("looks", ALL_LOOKS)
def test_without_an_effect_at_most_alpha_of_all_proofs_exclude_zero(looks):
    generator = np.random.Generator(np.random.PCG64(3))
    gains = generator.normal(size=(20_000, looks[-1]))
    is_excluded = np.zeros(len(gains), bool)
    for look, level in zip(looks, levels(looks), strict=True):
        part = gains[:, :look]
        error = part.std(axis=1, ddof=1) / math.sqrt(look)
        bound = stats.t.ppf(1 - level / 2, look - 1)
        is_excluded |= np.abs(part.mean(axis=1)) > bound * error
    # Three standard errors of the simulation above.
    assert is_excluded.mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / len(gains))
    # And not by being of no use.
    assert is_excluded.mean() >= 0.03


def test_looking_at_the_plain_interval_each_time_would_not_keep_alpha():
    generator = np.random.Generator(np.random.PCG64(3))
    gains = generator.normal(size=(20_000, 10))
    is_excluded = np.zeros(len(gains), bool)
    for look in (3, 5, 10):
        p = stats.ttest_1samp(gains[:, :look], 0, axis=1).pvalue
        is_excluded |= p < 0.05
    assert is_excluded.mean() > 0.08


def test_the_other_common_rule_leaves_next_to_nothing_for_three_seeds():
    """The numbers of the module's docstring."""
    first = 2 * stats.norm.sf(stats.norm.isf(0.025) / math.sqrt(0.3))
    assert first == pytest.approx(0.0003, abs=0.00005)
    deviations = stats.t.isf(first / 2, 2) / math.sqrt(3)
    assert round(deviations) == 31


def test_the_interval_over_seeds_is_that_of_scipy():
    gains = np.array([0.02, 0.05, 0.01, 0.07, 0.03])
    wanted = stats.ttest_1samp(gains, 0).confidence_interval(0.98)
    actual = over_seeds(gains, 0.02)
    assert (actual.low, actual.high) == pytest.approx((wanted.low, wanted.high))
    assert actual.value == pytest.approx(gains.mean())


def test_the_interval_over_images_covers_as_often_as_it_says():
    generator = np.random.Generator(np.random.PCG64(4))
    covered = 0
    for _ in range(100):
        differences = generator.choice([-1, 0, 1], p=[0.1, 0.6, 0.3], size=150)
        interval = over_images(differences.astype(float), 0.1)
        covered += interval.low <= 0.2 <= interval.high
    assert 80 <= covered <= 98


def test_the_interval_over_images_is_the_same_each_time():
    differences = np.repeat([1.0, 0.0, -1.0], [30, 60, 10])
    assert over_images(differences, 0.05) == over_images(differences, 0.05)
    assert over_images(differences, 0.05).value == pytest.approx(0.2)


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_images_that_agree_have_an_interval_without_width(value):
    interval = over_images(np.full(50, value), 0.05)
    assert (interval.value, interval.low, interval.high) == (value, value, value)


def test_a_single_image_that_differs_has_a_finite_interval():
    interval = over_images(np.eye(100)[0], 0.05)
    assert interval.low <= interval.value == pytest.approx(0.01)
    assert 0.01 < interval.high < 0.1


def test_a_gain_is_paired_and_its_floor_grows_with_the_noise():
    generator = np.random.Generator(np.random.PCG64(5))
    control = (generator.random((4, 400)) < 0.5).astype(float)
    better = control.copy()
    better[:, :80] = 1.0
    gain = paired_gain(better, control, 0.05)
    seeds = (better - control).mean(axis=1)
    assert gain.seeds == pytest.approx(tuple(seeds))
    assert gain.value == pytest.approx(seeds.mean())
    images = (better - control).mean(axis=0)
    error = math.hypot(seeds.std(ddof=1) / 2, images.std(ddof=1) / 20)
    assert gain.floor == pytest.approx(2 * error)
    assert gain.floor > statistics.MINIMUM
    same = paired_gain(control, control, 0.05)
    assert (same.value, same.floor) == (0.0, statistics.MINIMUM)


def test_several_remedies_share_the_error_rate():
    assert [holm_level(count) * count for count in (1, 2, 5)] == pytest.approx(
        [0.05] * 3
    )
