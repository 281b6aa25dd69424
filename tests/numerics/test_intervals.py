"""Tests of framework/numerics/intervals.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.numerics.intervals import (
    Estimate,
    detectable,
    difference,
    mcnemar,
    mean,
    paired_difference,
    proportion,
    slope,
    trend,
)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        # From Newcombe (1998), "Two-sided confidence intervals for the single
        # proportion", table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_proportion_matches_published_intervals(count, total, low, high):
    actual = proportion(count, total)
    assert (actual.low, actual.high) == pytest.approx((low, high), abs=1e-4)


def test_a_mean_has_the_interval_of_student():
    # 4.3027 is the 97.5 % point of t with two degrees of freedom; 2.9200 the 95 % one.
    error = 1.0 / 3**0.5
    estimate = mean([1.0, 2.0, 3.0])
    assert estimate.value == 2.0
    assert estimate.high - 2.0 == pytest.approx(4.3027 * error, abs=1e-4)
    assert 2.0 - mean([1.0, 2.0, 3.0], 0.1).low == pytest.approx(2.92 * error, abs=1e-4)


def test_a_mean_of_one_value_may_be_anything():
    assert mean([0.5]) == Estimate(0.5, -np.inf, np.inf)


def test_proportion_of_no_trials_is_0_to_1():
    actual = proportion(0, 0)
    assert (actual.low, actual.high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # From Newcombe (1998), "Interval estimation for the difference between
        # independent proportions", table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_difference_matches_published_intervals(first, second, low, high):
    actual = difference(proportion(*first), proportion(*second))
    assert (actual.low, actual.high) == pytest.approx((low, high), abs=1e-4)


def test_paired_difference_covers_the_truth():
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(2000):
        hard = generator.uniform(size=80)
        first = hard < 0.8
        second = (hard < 0.7) ^ (generator.uniform(size=80) < 0.05)
        truth = 0.8 - (0.7 * 0.95 + 0.3 * 0.05)
        actual = paired_difference(first, second)
        hits += actual.low <= truth <= actual.high
    assert 0.93 < hits / 2000 < 0.99


def test_identical_inputs_have_a_nonempty_interval():
    same = np.ones(50, bool)
    actual = paired_difference(same, same)
    assert actual.value == 0
    assert actual.low < 0 < actual.high


@pytest.mark.parametrize(
    ("fixed", "broken", "p"), [(0, 0, 1.0), (5, 5, 1.0), (10, 0, 2 / 1024), (1, 0, 1.0)]
)
def test_mcnemar_is_the_exact_test(fixed, broken, p):
    assert mcnemar(fixed, broken) == pytest.approx(p)


@pytest.mark.parametrize(
    ("values", "slope", "p"),
    [
        ([1, 2, 3, 4, 5], 1.0, 2 / 120),
        ([5, 4, 3, 2, 1], -1.0, 2 / 120),
        ([3, 3, 3, 3], 0.0, 1.0),
        ([1, 2], 0.0, 1.0),
        ([1, float("nan"), 2, 3], 1.0, 1 / 3),
    ],
)
def test_trend(values, slope, p):
    assert trend(values) == pytest.approx((slope, p))


@pytest.mark.parametrize(
    ("value", "total", "points"),
    [(0.5, 63, 24.9), (0.5, 500, 8.9), (0.9, 500, 5.3), (0.9, 10_000, 1.2)],
)
def test_detectable(value, total, points):
    assert 100 * detectable(value, total) == pytest.approx(points, abs=0.06)


def test_an_estimate_shows_its_interval():
    assert str(Estimate(0.5, 0.25, 0.75)) == "0.5 (0.25 to 0.75)"


_COUNTS = st.integers(0, 60)


@given(_COUNTS, _COUNTS)
def test_mcnemar_is_a_probability(fixed, broken):
    assert 0 <= mcnemar(fixed, broken) <= 1


@given(st.lists(st.floats(0, 1), max_size=40))
def test_the_trend_has_a_probability(values):
    _, p = trend(values)
    assert 0 <= p <= 1


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.floats(0, 0.5))
def test_a_swing_only_widens_the_interval(values, swing):
    first = np.array(values)
    narrow, wide = (paired_difference(first, ~first, each) for each in (0.0, swing))
    assert wide.value == narrow.value
    assert wide.low <= narrow.low <= narrow.high <= wide.high


def test_fractions_of_evaluations_are_paired_as_counts_are():
    generator = np.random.default_rng(0)
    first, second = generator.random((2, 500)) < 0.6
    assert paired_difference(first * 1.0, second * 1.0) == paired_difference(
        first, second
    )


def test_slope_of_a_line():
    places = np.log2([1.0, 2.0, 4.0, 8.0])
    line = slope(places, 0.3 + 0.1 * places)
    assert (line.value, line.low, line.high) == pytest.approx((0.1, 0.1, 0.1))
