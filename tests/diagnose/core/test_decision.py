"""Tests of framework/diagnose/core/decision.py."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.diagnose.core.decision import (
    MINIMUM_GAIN,
    is_gain,
    judge,
    not_measured,
    status_of,
    threshold,
)
from framework.diagnose.core.finding import STATUSES
from framework.diagnose.core.measurement import NotApplicableError
from framework.numerics.intervals import Estimate

_NUMBERS = st.floats(-1, 1)
_GAINS = st.lists(_NUMBERS, min_size=3, max_size=3).map(
    lambda values: Estimate(sorted(values)[1], min(values), max(values))
)
_MINIMUMS = st.floats(MINIMUM_GAIN, 0.5)


@pytest.mark.parametrize(
    ("gain", "is_enough"),
    [
        (Estimate(0.1, 0.01, 0.2), True),
        (Estimate(0.1, 0.0, 0.2), False),
        (Estimate(MINIMUM_GAIN, 0.01, 0.05), True),
        (Estimate(0.99 * MINIMUM_GAIN, 0.01, 0.05), False),
        (Estimate(math.nan, 0.1, 0.2), False),
    ],
)
def test_what_a_gain_is(gain, is_enough):
    assert is_gain(gain) is is_enough
    assert (status_of(gain) == "confirmed") is is_enough


@pytest.mark.parametrize(
    ("gain", "status"),
    [
        (None, "suspected"),
        # Published faults that were called falsified: they help, by less than 10.
        (Estimate(0.096, 0.054, 0.137), "minor"),
        (Estimate(0.052, 0.01, 0.094), "minor"),
        (Estimate(0.04, -0.02, 0.11), "unresolved"),
        (Estimate(-0.04, -0.2, 0.11), "unresolved"),
        (Estimate(0.04, -0.02, 0.09), "falsified"),
        (Estimate(-0.3, -0.4, -0.2), "falsified"),
        (Estimate(math.nan, -0.4, -0.2), "unresolved"),
        (Estimate(math.nan, math.nan, math.nan), "unresolved"),
    ],
)
def test_a_word_means_what_it_says(gain, status):
    assert status_of(gain, minimum=0.1) == status


@given(_GAINS, st.one_of(st.none(), _GAINS), _MINIMUMS)
def test_only_an_interval_below_the_minimum_falsifies(gain, equal, minimum):
    status = judge(gain, equal, minimum)
    assert status in STATUSES
    if status == "falsified":
        assert gain.high < minimum
        assert equal is None or equal.high < minimum
    if status == "confirmed":
        assert gain.low > 0
        assert gain.value >= max(MINIMUM_GAIN, minimum / 2)


@given(_GAINS, _GAINS, _MINIMUMS, st.floats(0, 0.5))
def test_no_more_than_is_expected_confirms_nothing(gain, equal, minimum, expected):
    status = judge(gain, equal, max(minimum, expected), expected)
    assert gain.value >= expected or status != "confirmed"


def test_a_threshold_is_the_one_that_is_applied():
    assert str(threshold(0.0975)) == "the interval above 0, and 9.75 points or more"


def test_what_could_not_be_tried_says_why():
    decision = not_measured(NotApplicableError("there is no\n  place for dropout"))
    assert (decision.status, decision.cost) == ("suspected", None)
    assert decision.evidence[0].source == "there is no place for dropout"
