"""Event schedule of a run: when to log, evaluate, save and stop."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator

from framework.numerics.metrics import evaluations_since_best
from framework.report.history import History

# Target duration of a call of the compiled loop, in seconds. Progress is shown, and
# signals are handled, between calls.
_CALL_SECONDS = 2.0


@dataclasses.dataclass(frozen=True)
class Plan:
    """Event schedule of a run, in optimizer steps.

    >>> plan = Plan(100, 10, log_every=5, evaluate_every=10, checkpoint_every=20)
    >>> plan.evaluates(20), plan.evaluates(25), plan.next_event(12)
    (True, False, 15)

    Attributes:
        total_steps: The length of the run.
        steps_per_epoch: Steps per epoch.
        log_every: Interval between logged training metrics.
        evaluate_every: Interval between evaluations.
        checkpoint_every: Interval between checkpoints.
        steps_per_call: The maximum number of steps per call of the compiled loop; 0 for
            no limit.
        monitor: The metric that determines the best evaluation.
        early_stopping: The number of evaluations without improvement after which to
            stop; 0 for never.
        rollbacks: The maximum number of returns to the last checkpoint because of
            numbers that are not finite.
        pauses: Further numbers of steps at which a call of the compiled loop ends.
            Nothing is due there, and no number of the run depends on them.
        halt: A step at which `train` can be ended although nothing is due, so that the
            state can be compared there; 0 for none.
    """

    total_steps: int
    steps_per_epoch: int
    log_every: int
    evaluate_every: int
    checkpoint_every: int
    steps_per_call: int = 0
    monitor: str = "validation/accuracy"
    early_stopping: int = 0
    rollbacks: int = 0
    pauses: tuple[int, ...] = ()
    halt: int = 0

    def logs(self, step: int) -> bool:
        """Returns whether to log training metrics after a number of steps."""
        return self._is_due(self.log_every, step) or self.evaluates(step)

    def measures(self, step: int) -> bool:
        """Returns whether to measure the last of a number of steps.

        A measured step takes 1.5 times as long. Steps that are logged only because of
        an evaluation are not measured.
        """
        return self._is_due(self.log_every, step)

    def evaluates(self, step: int) -> bool:
        """Returns whether to evaluate after a number of steps."""
        return self._is_due(self.evaluate_every, step)

    def saves(self, step: int) -> bool:
        """Returns whether to save a checkpoint after a number of steps."""
        return self._is_due(self.checkpoint_every, step)

    def rolls_back_to(self, step: int) -> bool:
        """Returns whether numbers may depend on the checkpoint of a number of steps.

        A run that rolls back uses those of the schedule only, since a signal may cause
        others at any step.
        """
        return not self.rollbacks or step == 0 or self.saves(step)

    def next_event(self, step: int) -> int:
        """Returns the next step after which an event is due or an epoch ends."""
        intervals = (
            self.log_every,
            self.evaluate_every,
            self.checkpoint_every,
            self.steps_per_epoch,
        )
        until_next = min(every - step % every for every in intervals)
        ends = [step + until_next, self.total_steps]
        return min(ends + [self.halt] * (self.halt > step))

    def next_pause(self, step: int) -> int:
        """Returns the next step at which a call ends: that of an event, or a pause."""
        pauses = [pause for pause in self.pauses if pause > step]
        return min([self.next_event(step), *pauses])

    def is_event(self, step: int) -> bool:
        """Returns whether an event is due or an epoch ends after a number of steps."""
        return self.next_event(step - 1) == step

    def is_over(self, step: int, history: History) -> bool:
        """Returns whether training ends after a number of steps.

        Args:
            step: The number of steps.
            history: The evaluations so far, for early stopping.
        """
        if step >= self.total_steps:
            return True
        if not self.early_stopping or not len(history):
            return False
        since = evaluations_since_best(history[self.monitor], self.monitor)
        return since >= self.early_stopping

    def _is_due(self, every: int, step: int) -> bool:
        return step % every == 0 or step == self.total_steps


class Pace:
    """Adapts the number of steps per call to about two seconds.

    The run's numbers do not depend on it.

    Args:
        maximum: The maximum number of steps at any speed; 0 for no limit.

    Attributes:
        limit: The maximum number of steps for the next call.
        seconds: Duration of the last call.
    """

    def __init__(self, maximum: int = 0):
        self._maximum = maximum
        # The speed is not known yet.
        self.limit = 1
        self.seconds = 0.0

    @contextlib.contextmanager
    def timed(self, count: int) -> Iterator[None]:
        """Times a call of a number of steps."""
        start = time.perf_counter()
        yield
        self.seconds = time.perf_counter() - start
        # Grows at most tenfold: the first calls are slow because they compile.
        fit = int(count * _CALL_SECONDS / max(self.seconds, 1e-9))
        self.limit = max(1, min(fit, 10 * max(count, self.limit)))
        if self._maximum:
            self.limit = min(self.limit, self._maximum)
