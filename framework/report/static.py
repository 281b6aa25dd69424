"""Says once, while a run goes on, that validation accuracy has become static."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np

from framework.numerics.intervals import detectable, trend
from framework.report.base import Report

# As the gate of the diagnosis has them: so many evaluations, or the last fifth.
_WINDOW, _SHARE, _LEVEL = 5, 0.2, 0.05
# Before that a curve can be anything.
_LEAST = 8


class StaticNote(Report):
    """Watches validation accuracy.

    Args:
        workdir: The run's folder.
        say: What prints a line.
        show: What shows a text in TensorBoard, given the step, its tag and the text.
    """

    def __init__(
        self,
        workdir: Path,
        say: Callable[[str], None],
        show: Callable[[int, str, str], None],
    ):
        self._workdir, self._say, self._show = workdir, say, show
        self._accuracies: list[float] = []
        self._said = False

    def started(self, step):
        """See base class."""

    def advanced(self, step, seconds):
        """See base class."""

    def logged(self, step, metrics):
        """See base class."""

    def evaluated(self, step, metrics, predictions):
        """See base class."""
        self._accuracies.append(metrics["validation/accuracy"])
        total = len(predictions["validation"])
        if self._said or not is_static(self._accuracies, total):
            return
        self._said = True
        text = (
            f"validation accuracy has been static for {window(len(self._accuracies))} "
            f"evaluations, at {self._accuracies[-1]:.1%}; why: "
            f"whyflat diagnose --workdir={shlex.quote(str(self._workdir))}"
        )
        self._say(text)
        self._show(step, "static", text)

    def finished(self, step):
        """See base class."""

    def stopped(self):
        """See base class."""


def window(evaluations: int) -> int:
    """Returns how many of the last evaluations are looked at."""
    return max(_WINDOW, round(_SHARE * evaluations))


def is_static(accuracies: list[float], total: int) -> bool:
    """Returns whether a curve has stopped rising, below what it could come to.

    Args:
        accuracies: Of each evaluation so far.
        total: Of how many examples.
    """
    if len(accuracies) < _LEAST:
        return False
    last = np.array(accuracies[-window(len(accuracies)) :])
    least = detectable(float(last[-1]), total)
    gained = last.max() - max(accuracies[: -len(last)])
    if gained >= least / 2 or 1.0 - last.mean() <= least:
        return False
    # Asked last: it imports SciPy's statistics, which takes most of a second.
    slope, p = trend(last)
    return not (p < _LEVEL and slope > 0)
