"""Tests of framework/prove/verdict.py."""

import itertools

import numpy as np
import pytest

from framework.numerics.intervals import Estimate
from framework.prove.statistics import ALPHA, Gain, levels, paired_gain
from framework.prove.verdict import (
    SUCCESSES,
    VERDICTS,
    Agreement,
    of_agreement,
    of_gains,
)


def gain(value, low, high, images=None, floor=0.01, seeds=(0.1, 0.1, -0.1)):
    over = Estimate(value, low, high)
    return Gain(seeds, over, Estimate(value, *(images or (low, high))), floor)


LARGE, LOST = gain(0.1, 0.05, 0.15), gain(-0.1, -0.15, -0.05)
NONE = gain(0.0, -0.004, 0.004)
OPEN = gain(0.03, -0.02, 0.08)
SMALL = gain(0.006, 0.004, 0.008)


@pytest.mark.parametrize(
    ("unchanged", "placebo", "name", "is_final"),
    [
        (LARGE, LARGE, "proven", True),
        (LARGE, None, "unresolved", False),
        (LARGE, OPEN, "unresolved", False),
        # A random remedy does as well: that says nothing for this cause.
        (LARGE, NONE, "unresolved", True),
        (LARGE, LOST, "unresolved", True),
        (OPEN, None, "unresolved", False),
        (OPEN, LARGE, "unresolved", False),
        (NONE, None, "no effect", True),
        (NONE, LARGE, "no effect", True),
        # For certain above 0, but for certain less than a point.
        (SMALL, None, "no effect", True),
        (LOST, None, "harmful", True),
        (LOST, LARGE, "harmful", True),
        # For certain below 0, but less than a point.
        (gain(-0.005, -0.007, -0.003), None, "no effect", True),
        # Seeds agree, other images might not.
        (gain(0.1, 0.05, 0.15, images=(-0.01, 0.2)), LARGE, "unresolved", False),
        (LARGE, gain(0.1, 0.05, 0.15, images=(-0.01, 0.2)), "unresolved", False),
        # Images agree, other seeds might not.
        (gain(0.1, -0.01, 0.2, images=(0.05, 0.15)), LARGE, "unresolved", False),
        # Above 0, but not two standard errors.
        (gain(0.03, 0.001, 0.06, floor=0.04), LARGE, "unresolved", False),
        (gain(-0.03, -0.06, -0.001, floor=0.04), None, "no effect", True),
    ],
)
def test_the_verdict_of_gains(unchanged, placebo, name, is_final):
    actual = of_gains(unchanged, placebo)
    assert (actual.name, actual.is_final) == (name, is_final)
    assert actual.name in VERDICTS
    assert actual.needs_placebo == (unchanged is LARGE and placebo is None)


@pytest.mark.parametrize(("swing", "most"), [(0.2, ALPHA / 2), (0.0, 0.2)])
def test_five_of_eight_seeds_on_a_swinging_run_are_not_proof(swing, most):
    """The unchanged run is 20 points above or below the remedied one, as luck has it.

    Whatever the order of the seeds, eight are unresolved. Three or five that agree are
    no proof where it is known that the run swings: nearly none of the orders is. By the
    seeds alone, a sixth are: those that begin with three that gain.
    """
    looks = (3, 5, 8)
    proven = 0
    orders = list(itertools.combinations(range(8), 5))
    for helped in orders:
        gains = np.array([0.2 if seed in helped else -0.2 for seed in range(8)])
        # All images agree: nothing but seeds can tell.
        remedied, control = np.full((8, 400), 0.6), np.full((8, 400), 0.6)
        control -= gains[:, np.newaxis]
        names = []
        for look, level in zip(looks, levels(looks), strict=True):
            gain = paired_gain(remedied[:look], control[:look], level, swing)
            verdict = of_gains(gain, LARGE)
            names.append(verdict.name)
        proven += "proven" in names
        assert names[-1] == "unresolved"
        assert "5 of 8 seeds gain" in verdict.reason
    assert proven / len(orders) <= most
    assert swing or proven / len(orders) > 0.15


def estimate(value, margin=0.02):
    return Estimate(value, value - margin, value + margin)


@pytest.mark.parametrize(
    ("before", "after", "approach", "name", "is_final"),
    [
        # The number falls, and tells the truth.
        (estimate(0.1), estimate(0.01), estimate(0.09), "ruler fixed", True),
        (estimate(-0.1), estimate(0.0), estimate(0.1), "ruler fixed", True),
        # Closer, but still apart.
        (estimate(0.2), estimate(0.1), estimate(0.1), "unresolved", False),
        (estimate(0.1), estimate(0.1), estimate(0.0, 0.005), "no effect", True),
        (estimate(0.1), estimate(0.1), estimate(0.0, 0.05), "unresolved", False),
        (estimate(0.1), estimate(0.2), estimate(-0.1), "harmful", True),
        # They agree already, as far as the images can tell.
        (estimate(0.01), estimate(0.0), estimate(0.01), "unresolved", False),
        (estimate(0.1), estimate(0.01), estimate(0.09, 0.1), "unresolved", False),
    ],
)
def test_the_verdict_of_an_agreement(before, after, approach, name, is_final):
    actual = of_agreement(Agreement(before, after, approach))
    assert (actual.name, actual.is_final) == (name, is_final)
    assert actual.name in VERDICTS


def test_two_verdicts_are_successes():
    assert set(SUCCESSES) < set(VERDICTS)
