"""The interface of reports."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence

from framework.numerics.metrics import Predictions


class Report(abc.ABC):
    """Receives the events of a run, in order."""

    @abc.abstractmethod
    def started(self, step: int) -> None:
        """Training starts or resumes after a number of steps."""

    @abc.abstractmethod
    def advanced(self, step: int, seconds: float) -> None:
        """A call of the compiled loop has returned.

        Args:
            step: The number of steps so far.
            seconds: Duration of the call.
        """

    @abc.abstractmethod
    def logged(self, step: int, metrics: Mapping[str, float]) -> None:
        """Training metrics are available.

        Args:
            step: The number of steps so far.
            metrics: Means over the steps since the last call.
        """

    @abc.abstractmethod
    def evaluated(
        self,
        step: int,
        metrics: Mapping[str, float],
        predictions: Mapping[str, Predictions],
    ) -> None:
        """An evaluation is complete.

        Args:
            step: The number of steps so far.
            metrics: The row of the history.
            predictions: Predictions per example, by the prefix of their metrics.
        """

    @abc.abstractmethod
    def finished(self, step: int) -> None:
        """Training is finished after a number of steps."""

    @abc.abstractmethod
    def stopped(self) -> None:
        """The run has ended, finished or not; closes files."""


class Reports(Report):
    """Forwards events to several reports, in their order."""

    def __init__(self, reports: Sequence[Report]):
        self._reports = reports

    def started(self, step: int) -> None:
        """See base class."""
        for report in self._reports:
            report.started(step)

    def advanced(self, step: int, seconds: float) -> None:
        """See base class."""
        for report in self._reports:
            report.advanced(step, seconds)

    def logged(self, step: int, metrics: Mapping[str, float]) -> None:
        """See base class."""
        for report in self._reports:
            report.logged(step, metrics)

    def evaluated(
        self,
        step: int,
        metrics: Mapping[str, float],
        predictions: Mapping[str, Predictions],
    ) -> None:
        """See base class."""
        for report in self._reports:
            report.evaluated(step, metrics, predictions)

    def finished(self, step: int) -> None:
        """See base class."""
        for report in self._reports:
            report.finished(step)

    def stopped(self) -> None:
        """See base class."""
        for report in self._reports:
            report.stopped()
