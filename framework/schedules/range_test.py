"""Learning-rate range test (Smith, 2017; fastai's lr_find)."""

from __future__ import annotations

import dataclasses

import numpy as np

# Coefficient of the exponential moving average of the loss, and the ratio to its
# minimum at which the sweep stops; fastai's.
_SMOOTHING = 0.98
_DIVERGED = 4.0
# Ignored at the beginning (a fraction) and at the end, where it diverges; fastai's.
_SKIP_FRACTION, _SKIP_LAST = 0.1, 5
# A fall counts if it is this many standard errors of the smoothed loss deep, and this
# fraction of the loss: sweeps that end before anything is learnt also fall a little.
_STANDARD_ERRORS = 4.0
_LEAST_FALL = 0.05
_LEAST_POINTS = 10


@dataclasses.dataclass(frozen=True)
class Suggestion:
    """Learning rates suggested by a range test.

    Attributes:
        steepest: The rate at the steepest slope of the longest fall; None without a
            fall.
        valley: The rate at two thirds of the longest fall; None without a fall.
    """

    steepest: float | None
    valley: float | None


def smooth(losses: np.ndarray, beta: float = _SMOOTHING) -> np.ndarray:
    """Returns the bias-corrected exponential moving average: float64 [n].

    >>> smooth(np.array([2.0, 2.0, 2.0])).round(6).tolist()
    [2.0, 2.0, 2.0]
    """
    average, result = 0.0, []
    for count, loss in enumerate(losses, start=1):
        average = beta * average + (1 - beta) * loss
        result.append(average / (1 - beta**count))
    return np.array(result)


def has_diverged(losses: np.ndarray) -> bool:
    """Returns whether the loss, float [n], has diverged, so that the sweep can stop."""
    if not np.isfinite(losses[-1]):
        return True
    smoothed = smooth(losses)
    return bool(smoothed[-1] > _DIVERGED * smoothed.min())


def suggest(rates: np.ndarray, losses: np.ndarray) -> Suggestion:
    """Returns the learning rates that a range test suggests.

    Args:
        rates: float [n], in increasing order.
        losses: float [n], the training loss of one batch at each rate.

    Returns:
        Two None if the loss does not fall, or by no more than its noise explains.
    """
    finite = np.isfinite(losses)
    length = len(losses) if finite.all() else int(np.argmin(finite))
    first, last = int(_SKIP_FRACTION * length), length - _SKIP_LAST
    if last - first < _LEAST_POINTS:
        return Suggestion(None, None)
    smoothed = smooth(losses[:length])
    rates, curve = rates[first:last], smoothed[first:last]
    margin = _STANDARD_ERRORS * _standard_error(losses[:length])
    if curve[0] - curve.min() < max(margin, _LEAST_FALL * curve[0]):
        return Suggestion(None, None)
    start, end = _longest_fall(curve)
    if end == start:
        return Suggestion(None, None)
    # Steep slopes outside the longest fall are noise.
    slopes = np.gradient(curve, np.log(rates))[start : end + 1]
    steepest = rates[start + np.argmin(slopes)]
    return Suggestion(float(steepest), float(rates[start + 2 * (end - start) // 3]))


def _standard_error(losses: np.ndarray) -> float:
    """Estimates the standard error of the smoothed loss from successive differences."""
    # The median is robust to the end of the sweep, where the loss diverges.
    noise = np.median(np.abs(np.diff(losses))) / 0.954
    return float(noise * np.sqrt((1 - _SMOOTHING) / (1 + _SMOOTHING)))


def _longest_fall(curve: np.ndarray) -> tuple[int, int]:
    """Returns the first and last index of the longest decreasing subsequence."""
    lengths = np.ones(len(curve), int)
    starts = np.arange(len(curve))
    for index in range(1, len(curve)):
        above = np.flatnonzero(curve[:index] > curve[index])
        if len(above):
            best = above[np.argmax(lengths[above])]
            lengths[index] = lengths[best] + 1
            starts[index] = starts[best]
    end = int(np.argmax(lengths))
    return int(starts[end]), end
