"""Reads a learning rate off the losses of a sweep (Smith, 2017; fastai's lr_find)."""

from __future__ import annotations

import dataclasses

import numpy as np

# Of the smoothed loss; fastai's.
_SMOOTHING = 0.98
_DIVERGED = 4.0
# The beginning tells nothing yet, the end is where it diverges; fastai's.
_SKIP_SHARE, _SKIP_LAST = 0.1, 5
# A fall is believed if it is so many standard errors of the smoothed loss deep, and a
# twentieth of the loss: one that ends before anything is learnt falls a little, too.
_CERTAIN = 4.0
_LEAST_FALL = 0.05
_LEAST_POINTS = 10


@dataclasses.dataclass(frozen=True)
class Suggestion:
    """What a sweep says of the learning rate.

    Attributes:
        steepest: Where the loss falls fastest within its longest fall; None if it does
            not fall.
        valley: Two thirds down the longest fall; None if there is none.
    """

    steepest: float | None
    valley: float | None


def smooth(losses: np.ndarray, beta: float = _SMOOTHING) -> np.ndarray:
    """Returns the moving average of losses, corrected for its start: float64 [n]."""
    average, result = 0.0, []
    for count, loss in enumerate(losses, start=1):
        average = beta * average + (1 - beta) * loss
        result.append(average / (1 - beta**count))
    return np.array(result)


def has_diverged(losses: np.ndarray) -> bool:
    """Returns whether a sweep can be stopped: its loss has left its best far behind."""
    if not np.isfinite(losses[-1]):
        return True
    smoothed = smooth(losses)
    return bool(smoothed[-1] > _DIVERGED * smoothed.min())


def suggest(rates: np.ndarray, losses: np.ndarray) -> Suggestion:
    """Returns the learning rates that a sweep suggests.

    Args:
        rates: float [n], rising.
        losses: float [n], of single batches, at these rates.

    Returns:
        Nothing where the loss falls by no more than its noise would explain, or hardly.
    """
    finite = np.isfinite(losses)
    length = len(losses) if finite.all() else int(np.argmin(finite))
    first, last = int(_SKIP_SHARE * length), length - _SKIP_LAST
    if last - first < _LEAST_POINTS:
        return Suggestion(None, None)
    smoothed = smooth(losses[:length])
    rates, curve = rates[first:last], smoothed[first:last]
    certain = _CERTAIN * _standard_error(losses[:length])
    if curve[0] - curve.min() < max(certain, _LEAST_FALL * curve[0]):
        return Suggestion(None, None)
    start, end = _longest_fall(curve)
    if end == start:
        return Suggestion(None, None)
    # Outside of the longest fall a steep slope is noise.
    slopes = np.gradient(curve, np.log(rates))[start : end + 1]
    steepest = rates[start + np.argmin(slopes)]
    return Suggestion(float(steepest), float(rates[start + 2 * (end - start) // 3]))


def _standard_error(losses: np.ndarray) -> float:
    """Returns that of the smoothed loss, from how much neighbouring losses differ."""
    # The median is not moved by the end of the sweep, where the loss explodes.
    noise = np.median(np.abs(np.diff(losses))) / 0.954
    return float(noise * np.sqrt((1 - _SMOOTHING) / (1 + _SMOOTHING)))


def _longest_fall(curve: np.ndarray) -> tuple[int, int]:
    """Returns where the longest falling subsequence begins and ends."""
    lengths = np.ones(len(curve), int)
    begins = np.arange(len(curve))
    for index in range(1, len(curve)):
        above = np.flatnonzero(curve[:index] > curve[index])
        if len(above):
            best = above[np.argmax(lengths[above])]
            lengths[index] = lengths[best] + 1
            begins[index] = begins[best]
    end = int(np.argmax(lengths))
    return int(begins[end]), end
