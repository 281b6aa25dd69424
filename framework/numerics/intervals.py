"""Estimates with 95 % confidence intervals, and significance tests."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

_Z = 1.959964
# Added to it for a power of 80 %.
_Z_POWER = 0.841621


@dataclasses.dataclass(frozen=True)
class Estimate:
    """An estimate with its 95 % confidence interval.

    Attributes:
        value: The estimate.
        low: The lower bound.
        high: The upper bound.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"

    @property
    def in_points(self) -> str:
        """A difference of fractions in percentage points, with its interval.

        >>> Estimate(0.032, 0.01, 0.054).in_points
        '+3.2 points (+1.0 to +5.4)'
        """
        value, low, high = (100 * each for each in dataclasses.astuple(self))
        return f"{value:+.1f} points ({low:+.1f} to {high:+.1f})"


def proportion(count: int, total: int) -> Estimate:
    """Estimates a proportion, with the interval of Wilson (1927).

    >>> print(proportion(81, 263))
    0.308 (0.255 to 0.366)

    Args:
        count: The number of successes.
        total: The number of trials; with 0 the interval is 0 to 1.
    """
    if not total:
        return Estimate(math.nan, 0.0, 1.0)
    value, square = count / total, _Z**2 / total
    centre = (value + square / 2) / (1 + square)
    margin = math.sqrt(value * (1 - value) * square + square**2 / 4) / (1 + square)
    return Estimate(value, max(centre - margin, 0.0), min(centre + margin, 1.0))


def mean(values: Sequence[float] | np.ndarray, level: float = 0.05) -> Estimate:
    """Estimates a mean by Student's t interval.

    >>> print(mean([0.1, 0.2, 0.3]))
    0.2 (-0.0484 to 0.448)

    Args:
        values: Of independent repetitions; with a single one the interval is infinite.
        level: The error rate, two-sided.
    """
    from scipy import stats

    value, count = float(np.mean(values)), len(values)
    if count < 2:
        return Estimate(value, -math.inf, math.inf)
    error = float(np.std(values, ddof=1)) / math.sqrt(count)
    margin = error * float(stats.t.ppf(1 - level / 2, count - 1))
    return Estimate(value, value - margin, value + margin)


def difference(first: Estimate, second: Estimate) -> Estimate:
    """Estimates first - second of two independent proportions, by Newcombe (1998).

    >>> print(difference(proportion(56, 70), proportion(48, 80)))
    0.2 (0.0524 to 0.334)
    """
    value = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, value - below, value + above)


def paired_difference(
    first: np.ndarray, second: np.ndarray, swing: float = 0.0
) -> Estimate:
    """Estimates mean(first) - mean(second) on the same examples.

    The interval is the normal approximation with half a count added to each kind of
    disagreement (Agresti & Min, 2005), so that it is not empty for identical inputs.

    >>> print(paired_difference(np.array([1, 1, 1, 1]) > 0, np.array([1, 1, 1, 0]) > 0))
    0.25 (-0.276 to 0.609)

    Args:
        first: bool [N], whether each example was correct; or float [N], the fraction of
            several evaluations in which it was.
        second: The same for another classifier.
        swing: Standard deviation of the difference for other reasons than the choice of
            the examples, which widens the interval.
    """
    total = len(first) + 2
    change = first.astype(np.float64) - second.astype(np.float64)
    centre = float(np.sum(change)) / total
    variance = (float(np.sum(change**2)) + 1) / total - centre**2
    margin = _Z * math.sqrt(variance / total + swing**2)
    value = float(np.mean(first) - np.mean(second))
    return Estimate(value, float(centre - margin), float(centre + margin))


def mcnemar(fixed: int, broken: int) -> float:
    """Returns the two-sided p-value of McNemar's exact test.

    >>> mcnemar(fixed=10, broken=0)
    0.001953125

    Args:
        fixed: Examples that only the second classifier has correct.
        broken: Examples that only the first classifier has correct.
    """
    from scipy import stats

    if not fixed + broken:
        return 1.0
    return float(stats.binomtest(fixed, fixed + broken).pvalue)


def trend(values: Sequence[float]) -> tuple[float, float]:
    """Returns the Theil-Sen slope and the two-sided p-value of the Mann-Kendall test.

    Values that are not finite are left out. With fewer than three values, or equal
    ones, the slope is 0 and the p-value 1.

    >>> slope, p = trend([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> slope, round(p, 4)
    (1.0, 0.0167)
    """
    from scipy import stats

    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    if len(finite) < 3 or np.ptp(finite) == 0:
        return 0.0, 1.0
    positions = np.arange(len(finite))
    slope = stats.theilslopes(finite, positions).slope
    return float(slope), float(stats.kendalltau(positions, finite).pvalue)


def slope(places: Sequence[float] | np.ndarray, values: Sequence[float]) -> Estimate:
    """Estimates the slope of a line by Theil (1950) and Sen (1968).

    >>> print(slope([0.0, 1.0, 2.0, 3.0], [0.0, 0.5, 1.0, 1.5]))
    0.5 (0.5 to 0.5)

    Args:
        places: Where the values are; at least two different ones.
        values: Of the line, with noise.
    """
    from scipy import stats

    line = stats.theilslopes(values, places, 0.95)
    return Estimate(float(line.slope), float(line.low_slope), float(line.high_slope))


def detectable(value: float, total: int) -> float:
    """Returns the minimum detectable difference of two proportions.

    At the 5 % level with a power of 80 %, for two samples of `total` examples.

    >>> round(detectable(0.5, 500), 3)
    0.089

    Args:
        value: The proportion, such as an accuracy.
        total: The number of examples in each sample.
    """
    value = min(max(value, 0.5 / max(total, 1)), 1 - 0.5 / max(total, 1))
    return (_Z + _Z_POWER) * math.sqrt(2 * value * (1 - value) / max(total, 1))
