"""Ends a trial that would take much longer than it may."""

from __future__ import annotations

from framework.diagnose.core.budget import Allowance
from framework.report import Report


class Watch(Report):
    """Tells an allowance of the progress of a run.

    Args:
        allowance: What the run may take.
        total: Its steps.
    """

    def __init__(self, allowance: Allowance, total: int):
        self._allowance, self._total = allowance, total

    def advanced(self, step: int, seconds: float) -> None:
        """See base class.

        Raises:
            TooSlowError: The run would take much longer than it may.
        """
        del seconds
        self._allowance.check(step, self._total)
