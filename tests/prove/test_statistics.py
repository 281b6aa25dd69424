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


@pytest.mark.parametrize("swing", [0.0, 0.01, 0.3])
def test_the_floor_is_what_the_swing_of_the_run_explains(swing):
    control = np.zeros((4, 100))
    gain = statistics.paired_gain(control + 0.2, control, 0.05, swing)
    # All seeds and all images agree.
    assert gain.floor == pytest.approx(max(0.01, 2 * swing / np.sqrt(4)))


def decided(gains, looks, levels, is_hopeful):
    """Returns whether a gain is found, and after how many seeds a proof ends."""
    for place, (look, level) in enumerate(zip(looks, levels, strict=True)):
        if statistics.over_seeds(gains[:look], level).low > 0:
            return True, look
        later = looks[place + 1 :], levels[place + 1 :]
        if is_hopeful and later[0] and not statistics.can_decide(gains[:look], *later):
            break
    return False, look


@pytest.mark.extended
@pytest.mark.parametrize(
    ("mean", "least_saved", "most_lost"),
    # In standard deviations; of 300 proofs each.
    [(0.0, 4.0, 0.02), (1.0, 1.0, 0.1), (2.0, 0.0, 0.03)],
)
def test_futile_seeds_are_saved_and_little_power_is_lost(mean, least_saved, most_lost):
    looks = (3, 5, 10)
    levels = statistics.levels(looks)
    generator = np.random.Generator(np.random.PCG64(0))
    # Of ten points, so that a point is little.
    draws = 0.1 * generator.normal(mean, 1.0, (300, 10))
    plain, hopeful = (
        np.array([decided(each, looks, levels, is_hopeful) for each in draws])
        for is_hopeful in (False, True)
    )
    (power, seeds), (kept, fewer) = plain.mean(axis=0), hopeful.mean(axis=0)
    assert seeds - fewer >= least_saved
    # Nothing is found that all seeds would not show.
    assert 0 <= power - kept <= most_lost


@pytest.mark.parametrize(
    ("gains", "is_open"),
    [
        # Certainly less than a point, or certainly more, if it stays so.
        ((0.001, 0.002, -0.001), True),
        ((0.3, 0.25, 0.35), True),
        ((-0.3, -0.25, -0.35), True),
        ((0.3, 0.3, -0.2), False),
        ((-0.3, -0.3, 0.2), False),
    ],
)
def test_what_ten_seeds_can_decide(gains, is_open):
    assert statistics.can_decide(gains, (5, 10), (0.0102, 0.019)) is is_open
