"""Estimates with their intervals: 95 % ones, unless something else is said."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

_Z = 1.959964
# What is added to it for a power of 80 %.
_Z_POWER = 0.841621


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes:
        value: The estimate.
        low: Where the interval begins.
        high: Where it ends.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


def proportion(count: int, total: int) -> Estimate:
    """Returns a share with its interval by Wilson (1927); of nothing, 0 to 1."""
    if not total:
        return Estimate(math.nan, 0.0, 1.0)
    share, square = count / total, _Z**2 / total
    middle = (share + square / 2) / (1 + square)
    spread = math.sqrt(share * (1 - share) * square + square**2 / 4) / (1 + square)
    return Estimate(share, max(middle - spread, 0.0), min(middle + spread, 1.0))


def difference(first: Estimate, second: Estimate) -> Estimate:
    """Returns first - second of two independent shares, by Newcombe (1998)."""
    value = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, value - below, value + above)


def paired_difference(first: np.ndarray, second: np.ndarray) -> Estimate:
    """Returns mean(first) - mean(second) of the same examples.

    By the normal approximation with half a count added to each kind of disagreement
    (Agresti & Min, 2005), so that total agreement is not total certainty.

    Args:
        first: bool [N], whether each was right.
        second: bool [N], the same of something else.
    """
    total = len(first) + 2
    only_first = np.sum(first & ~second) + 0.5
    only_second = np.sum(second & ~first) + 0.5
    middle = (only_first - only_second) / total
    variance = (only_first + only_second) / total - middle**2
    spread = _Z * math.sqrt(variance / total)
    value = float(np.mean(first) - np.mean(second))
    return Estimate(value, float(middle - spread), float(middle + spread))


def mcnemar(fixed: int, broken: int) -> float:
    """Returns the two-sided p of McNemar's exact test: are both kinds equally many?"""
    from scipy import stats

    if not fixed + broken:
        return 1.0
    return float(stats.binomtest(fixed, fixed + broken).pvalue)


def trend(values: Sequence[float]) -> tuple[float, float]:
    """Returns the slope a step and its two-sided p.

    The slope is Theil's and Sen's, the median over all pairs; the test is that of Mann
    and Kendall. Three values at least; else the slope is 0, and p is 1.
    """
    from scipy import stats

    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    if len(values) < 3 or np.ptp(values) == 0:
        return 0.0, 1.0
    places = np.arange(len(values))
    slope = stats.theilslopes(values, places).slope
    return float(slope), float(stats.kendalltau(places, values).pvalue)


def detectable(share: float, total: int) -> float:
    """Returns the least difference of two shares that a test would find.

    With a power of 80 %, at the 5 % level, each share of `total` examples.
    """
    share = min(max(share, 0.5 / max(total, 1)), 1 - 0.5 / max(total, 1))
    return (_Z + _Z_POWER) * math.sqrt(2 * share * (1 - share) / max(total, 1))
