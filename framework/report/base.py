"""The interface of all that is told what happens in a run."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence

from framework.numerics.metrics import Predictions


class Report(abc.ABC):
    """Is told what happens in a run, in the order in which it happens."""

    @abc.abstractmethod
    def started(self, step: int) -> None:
        """Training goes on after so many steps."""

    @abc.abstractmethod
    def advanced(self, step: int, seconds: float) -> None:
        """So many steps have been done; the last call of the loop took `seconds`."""

    @abc.abstractmethod
    def logged(self, step: int, metrics: Mapping[str, float]) -> None:
        """The steps since the last line of the log had these metrics."""

    @abc.abstractmethod
    def evaluated(
        self,
        step: int,
        metrics: Mapping[str, float],
        predictions: Mapping[str, Predictions],
    ) -> None:
        """An evaluation after so many steps found this.

        Args:
            step: How many steps have been done.
            metrics: The row of the history.
            predictions: Per example, by the prefix of the metrics.
        """

    @abc.abstractmethod
    def finished(self, step: int) -> None:
        """Training is over after so many steps."""

    @abc.abstractmethod
    def stopped(self) -> None:
        """Nothing more will come, whatever has happened; files are closed."""


class Reports(Report):
    """Tells several."""

    def __init__(self, reports: Sequence[Report]):
        self._reports = reports

    def started(self, step):
        """See base class."""
        for report in self._reports:
            report.started(step)

    def advanced(self, step, seconds):
        """See base class."""
        for report in self._reports:
            report.advanced(step, seconds)

    def logged(self, step, metrics):
        """See base class."""
        for report in self._reports:
            report.logged(step, metrics)

    def evaluated(self, step, metrics, predictions):
        """See base class."""
        for report in self._reports:
            report.evaluated(step, metrics, predictions)

    def finished(self, step):
        """See base class."""
        for report in self._reports:
            report.finished(step)

    def stopped(self):
        """See base class."""
        for report in self._reports:
            report.stopped()
