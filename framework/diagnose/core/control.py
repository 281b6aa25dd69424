"""What a trial is compared with: the end of the run, or the run at equal length.

The evaluations that a run has recorded are controls that cost nothing. Where accuracy
swings from one evaluation to the next, a single one is a matter of luck: the mean of
the last ones counts then, and intervals are as wide as the swing makes them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from framework.diagnose.core.context import DiagnosisContext, sampled
from framework.numerics.intervals import Estimate, paired_difference

# Evaluations whose mean is taken, and whose swing is measured.
_WINDOW = 5
# Of the predictions, those of the last evaluation and of its weights now may differ by
# this much: kernels that add up in another order flip images that are on the edge.
_FLIPPED = 0.01
# A trial that follows its schedule to the end is no match for a run whose rate was
# still this many times that of its end.
_ANNEALED = 2.0


@dataclasses.dataclass(frozen=True, eq=False)
class Control:
    """Which validation images a training has right.

    Attributes:
        correct: The fraction of the evaluations in which each image is right, float64
            [N].
        evaluations: How many.
        swing: Standard deviation of accuracy from one evaluation to another, beyond
            what the choice of the images explains.
    """

    correct: np.ndarray
    evaluations: int = 1
    swing: float = 0.0

    def gain(self, correct: np.ndarray, seeds: int = 1) -> Estimate:
        """Returns the gain in accuracy of a trial over this.

        Args:
            correct: Which images the trial has right, bool [N]; or float [N], the mean
                of several trials.
            seeds: How many.
        """
        # As if the intervention had changed nothing: then the trial swings as well.
        swing = self.swing * math.sqrt(1 / seeds + 1 / self.evaluations)
        return paired_difference(correct, self.correct, swing)


def at_end(context: DiagnosisContext) -> Control:
    """Returns the end of the run: its weights, or a mean where it swings."""
    last = context.correct("validation")
    curve = _curve(context)
    if not curve or float(np.mean(curve[-1] != last)) > _FLIPPED:
        # These evaluations are of other weights, or of other images.
        return Control(last.astype(np.float64))
    return of_curve([*curve[:-1], last])


def at_length(context: DiagnosisContext, epochs: float) -> Control | None:
    """Returns the run after as many epochs, or a little more.

    Returns:
        None if the run has no such evaluation before its end, or one at which its
        learning rate was higher than a trial's is at its end.
    """
    curve, rows = _curve(context), context.rows
    if len(curve) != len(rows):
        return None
    for place, row in enumerate(rows[:-1]):
        if row.get("epoch", 0.0) >= epochs * (1 - 1e-6):
            rate, end = (each.get("learning_rate", 0.0) for each in (row, rows[-1]))
            # The schedule of a run of this framework is stretched to the trial.
            if context.settings.config is not None and rate > _ANNEALED * end:
                return None
            return of_curve(curve[: place + 1])
    return None


def _curve(context: DiagnosisContext) -> list[np.ndarray]:
    """Returns which validation images each evaluation has right: bool [N] each."""
    labels, result = context.validation.labels, []
    for each in context.predictions:
        rows = sampled(np.arange(len(each.labels)))
        if not np.array_equal(each.labels[rows], labels):
            return []
        result.append(each.predicted[rows] == labels)
    return result


def of_curve(curve: Sequence[np.ndarray]) -> Control:
    """Returns the end of a curve: its last evaluation, or a mean where it swings.

    Args:
        curve: Which images each evaluation has right: bool [N] each.
    """
    window = np.array(curve[-_WINDOW:], np.float64)
    last = window[-1]
    deviation, accuracy = _swing(window), float(last.mean())
    if deviation <= math.sqrt(accuracy * (1 - accuracy) / len(last)):
        # Less than another choice of images would do: the last one is as good.
        return Control(last)
    return Control(window.mean(axis=0), len(window), deviation)


def swing(curve: Sequence[np.ndarray]) -> float:
    """Returns the swing of the last evaluations; see `Control.swing`.

    Args:
        curve: Which images each evaluation has right: bool [N] each.
    """
    return _swing(np.array(curve[-_WINDOW:], np.float64))


def swing_at_end(context: DiagnosisContext) -> float:
    """Returns the swing of the last evaluations of the program; 0 if unknown."""
    return swing(_curve(context))


def _swing(window: np.ndarray) -> float:
    """Returns the swing of the accuracies of evaluations, float64 [W, N]."""
    if len(window) < 3:
        return 0.0
    # The way up and down, beyond the net change: none where a curve only rises. The
    # distance of two normal numbers is 2 / sqrt(pi) standard deviations in the mean.
    accuracies = window.mean(axis=1)
    changes = np.diff(accuracies)
    way = float(np.abs(changes).sum() - abs(changes.sum()))
    deviation = way / (2 / math.sqrt(math.pi) * (len(window) - 2))
    deviation = min(deviation, float(np.std(accuracies, ddof=1)))
    flipped = float(np.mean(np.diff(window, axis=0) ** 2)) / window.shape[1]
    return math.sqrt(max(deviation**2 - flipped / 2, 0.0))
