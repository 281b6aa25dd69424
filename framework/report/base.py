"""The interface of reports."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any

from framework.numerics.metrics import Predictions


class Report:
    """Receives the events of a run, in order.

    Each method does nothing here: a subclass defines those of the events that it uses.
    """

    def started(self, step: int) -> None:
        """Training starts or resumes after a number of steps."""

    def advanced(self, step: int, seconds: float) -> None:
        """A call of the compiled loop has returned.

        Args:
            step: The number of steps so far.
            seconds: Duration of the call.
        """

    def logged(self, step: int, metrics: Mapping[str, float]) -> None:
        """Training metrics are available.

        Args:
            step: The number of steps so far.
            metrics: Means over the steps since the last call.
        """

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

    def rescaled(self, step: int, before: float, after: float) -> None:
        """A controller of the schedule, such as plateau, has changed its scale.

        Args:
            step: The number of steps so far.
            before: The factor of the learning rate until now.
            after: The factor from the next step.
        """

    def spent(self, what: str, seconds: float) -> None:
        """Something other than training steps has taken time.

        Args:
            what: "evaluation" or "checkpoint".
            seconds: How long it took, compilation included.
        """

    def finished(self, step: int) -> None:
        """Training is finished after a number of steps."""

    def stopped(self) -> None:
        """The run has ended, finished or not; closes files."""


class Forwarder(Report, abc.ABC):
    """Forwards all events to one method, `forward`."""

    @abc.abstractmethod
    def forward(self, event: str, *arguments: Any) -> None:
        """Forwards an event.

        Args:
            event: The name of its method in `Report`.
            *arguments: The arguments of that method.
        """

    def started(self, step: int) -> None:
        """See base class."""
        self.forward("started", step)

    def advanced(self, step: int, seconds: float) -> None:
        """See base class."""
        self.forward("advanced", step, seconds)

    def logged(self, step: int, metrics: Mapping[str, float]) -> None:
        """See base class."""
        self.forward("logged", step, metrics)

    def evaluated(
        self,
        step: int,
        metrics: Mapping[str, float],
        predictions: Mapping[str, Predictions],
    ) -> None:
        """See base class."""
        self.forward("evaluated", step, metrics, predictions)

    def rescaled(self, step: int, before: float, after: float) -> None:
        """See base class."""
        self.forward("rescaled", step, before, after)

    def spent(self, what: str, seconds: float) -> None:
        """See base class."""
        self.forward("spent", what, seconds)

    def finished(self, step: int) -> None:
        """See base class."""
        self.forward("finished", step)

    def stopped(self) -> None:
        """See base class."""
        self.forward("stopped")


class Reports(Forwarder):
    """Forwards events to several reports, in their order."""

    def __init__(self, reports: Sequence[Report]):
        self._reports = reports

    def forward(self, event: str, *arguments: Any) -> None:
        """See base class."""
        for report in self._reports:
            getattr(report, event)(*arguments)
