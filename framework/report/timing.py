"""How long what takes: one clock for all that tell of it."""

from __future__ import annotations

import time

from framework.report.base import Report


class Timing(Report):
    """Counts the seconds of a run, from where it was started or resumed.

    Args:
        total_steps: The length of the run.
        batch_size: Images per step.

    Attributes:
        training: Seconds in training steps; the first of them are spent compiling.
    """

    def __init__(self, total_steps: int, batch_size: int):
        self._total_steps = total_steps
        self._batch_size = batch_size
        self._first = self._step = 0
        self._begun = time.perf_counter()
        self.training = 0.0
        # Where the last evaluation was, and the speed up to there.
        self._mark = (0, 0.0)
        self._speed = 0.0

    @property
    def total(self) -> float:
        """Seconds in all."""
        return time.perf_counter() - self._begun

    @property
    def images(self) -> int:
        """How many images have been trained on."""
        return (self._step - self._first) * self._batch_size

    @property
    def images_per_second(self) -> float:
        """The speed of training since the last evaluation, or up to it right after."""
        images, seconds = self._mark
        if self.images == images:
            return self._speed
        return (self.images - images) / max(self.training - seconds, 1e-9)

    @property
    def left(self) -> float:
        """Seconds to the end of the run, if all goes on as it has gone so far."""
        done = max(self._step - self._first, 1)
        return self.total * (self._total_steps - self._step) / done

    def started(self, step):
        """See base class."""
        self._first = self._step = step
        self._begun = time.perf_counter()

    def advanced(self, step, seconds):
        """See base class."""
        self._step = step
        self.training += seconds

    def logged(self, step, metrics):
        """See base class."""

    def evaluated(self, step, metrics, predictions):
        """See base class."""
        self._speed = self.images_per_second
        self._mark = (self.images, self.training)

    def finished(self, step):
        """See base class."""

    def stopped(self):
        """See base class."""
