"""Timer shared by all reports."""

from __future__ import annotations

import time
from collections.abc import Mapping

from framework.numerics.metrics import Predictions
from framework.report.base import Report


class Timing(Report):
    """Measures the time of a run, from its start or resumption.

    Args:
        total_steps: The length of the run.
        batch_size: Images per step.

    Attributes:
        training: Seconds spent in training steps, with compilation.
        other: Seconds spent otherwise, by what: "evaluation", "checkpoint".
    """

    def __init__(self, total_steps: int, batch_size: int):
        self._total_steps = total_steps
        self._batch_size = batch_size
        self._first = self._step = 0
        self._start = time.perf_counter()
        self.training = 0.0
        self.other: dict[str, float] = {}
        # Images and seconds at the last evaluation, and the speed before it.
        self._mark = (0, 0.0)
        self._speed = 0.0

    @property
    def total(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._start

    @property
    def images(self) -> int:
        """The number of images trained on since the start."""
        return (self._step - self._first) * self._batch_size

    @property
    def images_per_second(self) -> float:
        """Training speed since the last evaluation, or right after it, before it."""
        images, seconds = self._mark
        if self.images == images:
            return self._speed
        return (self.images - images) / max(self.training - seconds, 1e-9)

    @property
    def left(self) -> float:
        """Estimated seconds to the end of the run, at the average speed so far."""
        done = max(self._step - self._first, 1)
        return self.total * (self._total_steps - self._step) / done

    def started(self, step: int) -> None:
        """See base class."""
        self._first = self._step = step
        self._start = time.perf_counter()

    def advanced(self, step: int, seconds: float) -> None:
        """See base class."""
        self._step = step
        self.training += seconds

    def spent(self, what: str, seconds: float) -> None:
        """See base class."""
        self.other[what] = self.other.get(what, 0.0) + seconds

    def evaluated(
        self,
        step: int,
        metrics: Mapping[str, float],
        predictions: Mapping[str, Predictions],
    ) -> None:
        """See base class."""
        self._speed = self.images_per_second
        self._mark = (self.images, self.training)
