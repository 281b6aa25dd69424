"""Tests of framework/schedules/range_test.py."""

import numpy as np
import pytest

from framework.schedules import range_test

RATES = np.geomspace(1e-6, 10.0, 200)


def sweep(seed=0, floor=0.3, noise=0.1, fall=3e-3, blast=0.5):
    """Returns losses that fall around one rate and diverge above another."""
    generator = np.random.default_rng(seed)
    down = floor + (2.3 - floor) / (1.0 + (RATES / fall) ** 1.5)
    losses = down + np.where(blast < RATES, (RATES / blast) ** 3 - 1.0, 0.0)
    return losses + noise * generator.standard_normal(len(RATES))


def test_smoothing_is_bias_corrected():
    smoothed = range_test.smooth(np.array([3.0, 1.0]), beta=0.5)
    np.testing.assert_allclose(smoothed, [3.0, (0.5 * 0.5 * 3 + 0.5 * 1) / 0.75])
    np.testing.assert_allclose(range_test.smooth(np.full(50, 2.0)), 2.0)


@pytest.mark.parametrize("seed", range(5))
def test_suggests_a_rate_within_the_fall(seed):
    suggestion = range_test.suggest(RATES, sweep(seed))
    # The smoothed loss lags; both are far below the rate of divergence.
    assert 5e-4 < suggestion.valley < 0.1
    assert 5e-4 < suggestion.steepest < 0.5


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "losses",
    [
        lambda seed: sweep(seed, floor=2.3, blast=100.0),
        lambda seed: sweep(seed, fall=1e6),
        lambda seed: sweep(seed, fall=1e-9, floor=0.3, blast=100.0),
    ],
    ids=["nothing is learnt", "ends too soon", "begins too late"],
)
def test_suggests_nothing_without_a_fall(seed, losses):
    suggestion = range_test.suggest(RATES, losses(seed))
    assert suggestion == range_test.Suggestion(None, None)


def test_a_nan_ends_the_curve():
    losses = sweep()
    losses[160:] = np.nan
    suggestion = range_test.suggest(RATES, losses)
    assert suggestion == range_test.suggest(RATES[:160], losses[:160])
    assert range_test.has_diverged(losses[:161])


def test_a_short_sweep_suggests_nothing():
    suggestion = range_test.suggest(RATES[:12], sweep()[:12])
    assert suggestion == range_test.Suggestion(None, None)


def test_diverged_when_the_smoothed_loss_is_four_times_its_minimum():
    assert not range_test.has_diverged(np.array([1.0] * 100 + [50.0]))
    assert range_test.has_diverged(np.array([1.0] * 100 + [500.0]))
