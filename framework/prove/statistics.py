"""Paired gains over seeds and images, and the levels of a test that looks repeatedly.

The 95 % interval of a single look is no longer one if it is computed after 3, 5 and 10
seeds and the first convenient one is reported. The error rate is therefore spent in
parts (Lan & DeMets, 1983, Biometrika 70), by their spending function of Pocock's type.
Each look has its part for itself, so that the parts add up to at most the whole,
whatever the correlation of the looks: no approximation of the t distribution is needed.
O'Brien and Fleming's type spends .0003 of .05 on the first of the looks 3, 5 and 10:
with three seeds, nothing but gains of 31 standard deviations would be found.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Sequence

import numpy as np

from framework.numerics import intervals
from framework.numerics.intervals import Estimate

# Two-sided; half of it is the rate of false proofs.
ALPHA = 0.05
# The least gain that counts: a point.
MINIMUM = 0.01
_RESAMPLES = 9_999
# Of the interval of a standard deviation whose lower end a proof hopes for.
_HOPE = 0.95
# Resamples that are in memory at once have this many numbers.
_BATCH_NUMBERS = 2**24


def spent(fraction: float, alpha: float = ALPHA) -> float:
    """Returns the error rate that may be spent so far, of Pocock's type.

    >>> round(spent(0.3), 4), round(spent(1.0), 4)
    (0.0208, 0.05)

    Args:
        fraction: Of the seeds, 0 to 1.
        alpha: The whole error rate.
    """
    return alpha * math.log(1 + (math.e - 1) * fraction)


def levels(looks: Sequence[int], alpha: float = ALPHA) -> tuple[float, ...]:
    """Returns the error rate of each look; their sum is the whole.

    >>> [round(level, 4) for level in levels((3, 5, 10))]
    [0.0208, 0.0102, 0.019]

    Args:
        looks: The number of seeds at each look, in ascending order.
        alpha: The whole error rate.
    """
    total = [spent(look / looks[-1], alpha) for look in looks]
    return tuple(float(each) for each in np.diff([0.0, *total]))


def holm_level(remedies: int, alpha: float = ALPHA) -> float:
    """Returns the error rate of each of several remedies.

    The first step of Holm (1979). There is no second one: a proof ends with the first
    remedy that is proven.

    >>> holm_level(2)
    0.025
    """
    return alpha / remedies


def over_seeds(gains: np.ndarray, level: float) -> Estimate:
    """Estimates the mean gain by Student's paired t interval.

    >>> print(over_seeds(np.array([0.1, 0.2, 0.3]), 0.05))
    0.2 (-0.0484 to 0.448)

    Args:
        gains: float64 [S], of each seed; at least two.
        level: The error rate, two-sided.
    """
    return intervals.mean(gains, level)


def over_images(differences: np.ndarray, level: float) -> Estimate:
    """Estimates the mean gain by SciPy's BCa bootstrap (Efron, 1987) over the images.

    Args:
        differences: float64 [N], of each image: the mean over the seeds, which makes
            the images clusters.
        level: The error rate, two-sided.
    """
    from scipy import stats

    value = float(np.mean(differences))
    if np.ptp(differences) == 0:
        return Estimate(value, value, value)
    with warnings.catch_warnings():
        # Where a single image differs, there is no BCa interval: it is replaced below.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        interval = stats.bootstrap(
            (differences,),
            np.mean,
            confidence_level=1 - level,
            n_resamples=_RESAMPLES,
            batch=max(_BATCH_NUMBERS // len(differences), 1),
            method="BCa",
            # A proof that is repeated has the same interval.
            rng=np.random.Generator(np.random.PCG64(0)),
        ).confidence_interval
    low, high = float(interval.low), float(interval.high)
    if math.isnan(low) or math.isnan(high):
        margin = _mean_error(differences) * float(stats.norm.ppf(1 - level / 2))
        low, high = value - margin, value + margin
    return Estimate(value, low, high)


@dataclasses.dataclass(frozen=True)
class Gain:
    """A paired gain of one arm over another, from 0 to 1.

    Attributes:
        seeds: The gain with each seed.
        over_seeds: Its mean, with the interval of other seeds.
        over_images: Its mean, with the interval of other images.
        floor: The least gain that counts: a point, or two standard errors if that is
            more; those over seeds are at least what the swing of the run explains.
    """

    seeds: tuple[float, ...]
    over_seeds: Estimate
    over_images: Estimate
    floor: float

    @property
    def value(self) -> float:
        """The mean gain."""
        return self.over_seeds.value


def paired_gain(
    remedied: np.ndarray, control: np.ndarray, level: float, swing: float = 0.0
) -> Gain:
    """Returns the gain of one arm over another on the same seeds and images.

    Args:
        remedied: float64 [S, N], whose mean over images is the metric of each seed.
        control: The same of the control.
        level: The error rate of this look, two-sided.
        swing: The standard deviation of the metric from one evaluation of the run to
            the next. Where it is large, a few seeds can agree by luck.
    """
    differences = remedied - control
    gains, images = differences.mean(axis=1), differences.mean(axis=0)
    seeds = max(_mean_error(gains), swing / math.sqrt(len(gains)))
    error = math.hypot(seeds, _mean_error(images))
    return Gain(
        tuple(map(float, gains)),
        over_seeds(gains, level),
        over_images(images, level),
        max(MINIMUM, 2 * error),
    )


def can_decide(
    gains: Sequence[float], looks: Sequence[int], levels: Sequence[float]
) -> bool:
    """Returns whether a later look would decide, if the mean gain stays as it is.

    The standard deviation is hoped to be the lower end of its 95 % interval. A proof
    that stops where even that is of no use proves nothing more by it: the bound does
    not bind, and takes no part of the error rate.

    >>> can_decide([0.3, 0.3, -0.2], (5, 10), (0.0102, 0.019))
    False
    >>> can_decide([0.3, 0.4, 0.1], (5, 10), (0.0102, 0.019))
    True

    Args:
        gains: Of each seed so far; at least two.
        looks: The numbers of seeds of the later looks.
        levels: Their error rates, two-sided.
    """
    from scipy import stats

    value, freedom = float(np.mean(gains)), len(gains) - 1
    deviation = float(np.std(gains, ddof=1))
    deviation *= math.sqrt(freedom / stats.chi2.ppf(_HOPE, freedom))
    for look, level in zip(looks, levels, strict=True):
        margin = stats.t.ppf(1 - level / 2, look - 1) * deviation / math.sqrt(look)
        is_certain = abs(value) > margin and abs(value) >= MINIMUM
        if is_certain or value + margin < MINIMUM:
            return True
    return False


def _mean_error(values: np.ndarray) -> float:
    """Returns the standard error of a mean."""
    return float(np.std(values, ddof=1)) / math.sqrt(len(values))
