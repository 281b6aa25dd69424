"""Prints a notice, once per run, when validation accuracy becomes static."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from framework.numerics.intervals import detectable, trend
from framework.numerics.metrics import Predictions, evaluations_since_best
from framework.report.base import Report

# As in the plateau test of the diagnosis: the window is 5 evaluations or a fifth of
# them; the significance level is 5 %.
_WINDOW, _FRACTION, _LEVEL = 5, 0.2, 0.05
# The minimum number of evaluations: shorter curves are not tested.
_MIN_EVALUATIONS = 8
# Evaluations since that of the lowest loss. While loss falls, accuracy often follows:
# on 191 recorded runs, 10 % of the notices came before accuracy rose by more than the
# images can resolve; with this and the trend of the loss 3 %, an evaluation later
# (benchmarks/static_notice.py).
_LOSS_EVALUATIONS = 4


class StaticNotice(Report):
    """Watches validation accuracy; prints a notice when it becomes static.

    Args:
        workdir: The run's folder.
        say: Prints a line.
        show: Shows a text in TensorBoard; takes the step, a tag and the text.
        then: What the command does after training; "" for nothing.
    """

    def __init__(
        self,
        workdir: Path,
        say: Callable[[str], None],
        show: Callable[[int, str, str], None],
        then: str = "",
    ):
        self._workdir, self._say, self._show = workdir, say, show
        self._then = then
        self._accuracies: list[float] = []
        self._losses: list[float] = []
        self._is_reported = False

    def evaluated(
        self,
        step: int,
        metrics: Mapping[str, float],
        predictions: Mapping[str, Predictions],
    ) -> None:
        """See base class."""
        if "validation/accuracy" not in metrics:
            # The notice offers a diagnosis, which does not apply to several labels.
            return
        self._accuracies.append(metrics["validation/accuracy"])
        self._losses.append(metrics["validation/loss"])
        total = len(predictions["validation"])
        if self._is_reported or not is_static(self._accuracies, total, self._losses):
            return
        self._is_reported = True
        folder = shlex.quote(str(self._workdir))
        advice = f"find the cause with: whyflat diagnose {folder}"
        text = (
            f"validation accuracy has been static for {window(len(self._accuracies))} "
            f"evaluations, at {self._accuracies[-1]:.1%}; {self._then or advice}"
        )
        self._say(text)
        self._show(step, "static", text)


def window(evaluations: int) -> int:
    """Returns the number of latest evaluations that the test is based on.

    >>> window(8), window(100)
    (5, 20)
    """
    return max(_WINDOW, round(_FRACTION * evaluations))


def is_static(
    accuracies: Sequence[float], total: int, losses: Sequence[float] = ()
) -> bool:
    """Returns whether accuracy has stopped rising, and is below its ceiling.

    >>> is_static([0.5] * 10, total=1000)
    True
    >>> is_static([0.50, 0.54, 0.58, 0.62, 0.66, 0.70, 0.74, 0.78], total=1000)
    False

    Args:
        accuracies: The validation accuracy of each evaluation so far.
        total: The number of validation examples.
        losses: The validation loss of each; while it falls, accuracy is not static.
    """
    if len(accuracies) < _MIN_EVALUATIONS:
        return False
    count = window(len(accuracies))
    last = accuracies[-count:]
    smallest_difference = detectable(last[-1], total)
    gain = max(last) - max(accuracies[:-count])
    is_at_ceiling = 1.0 - np.mean(last) <= smallest_difference
    if gain >= smallest_difference / 2 or is_at_ceiling:
        return False
    if len(losses) and evaluations_since_best(losses, "loss") < _LOSS_EVALUATIONS:
        return False
    return not _rises(last) and not _rises([-loss for loss in losses[-count:]])


def _rises(values: Sequence[float]) -> bool:
    """Returns whether values have a rising trend; False if there are none."""
    if not len(values) or not np.isfinite(values).all():
        return False
    # Computed last: it imports SciPy's statistics, which takes most of a second.
    slope, p = trend(values)
    return p < _LEVEL and slope > 0
