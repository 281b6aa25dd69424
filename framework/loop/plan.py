"""When what happens in a run."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator

import numpy as np

from framework.numerics.metrics import direction
from framework.report.history import History

# One call of the compiled loop takes about so many seconds at most: so often can
# progress be shown, and a run be stopped.
_CALL_SECONDS = 2.0


@dataclasses.dataclass(frozen=True)
class Plan:
    """When what happens, in optimizer steps.

    Attributes:
        total_steps: The length of the run.
        steps_per_epoch: How many go through the training data once.
        log_every: Between two lines of the log.
        evaluate_every: Between two evaluations.
        checkpoint_every: Between two checkpoints.
        steps_per_call: The most steps in one call of the compiled loop; 0 for any.
        monitor: The metric that says which evaluation is the best.
        early_stopping: After how many evaluations without a better one to stop; 0
            for never.
        rollbacks: How often a run whose numbers are no longer finite goes back to its
            last checkpoint before it gives up.
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

    def logs(self, step: int) -> bool:
        """Returns whether to write to the log after so many steps."""
        return self._is_due(self.log_every, step) or self.evaluates(step)

    def probes(self, step: int) -> bool:
        """Returns whether the last of so many steps is measured.

        It then takes half as long again: lines that are there only because of an
        evaluation do without.
        """
        return self._is_due(self.log_every, step)

    def evaluates(self, step: int) -> bool:
        """Returns whether to evaluate after so many steps."""
        return self._is_due(self.evaluate_every, step)

    def saves(self, step: int) -> bool:
        """Returns whether to save after so many steps."""
        return self._is_due(self.checkpoint_every, step)

    def next_event(self, step: int) -> int:
        """Returns after which step something is due next, or an epoch ends."""
        intervals = (
            self.log_every,
            self.evaluate_every,
            self.checkpoint_every,
            self.steps_per_epoch,
        )
        soonest = min(every - step % every for every in intervals)
        return min(step + soonest, self.total_steps)

    def is_event(self, step: int) -> bool:
        """Returns whether something is due, or an epoch ends, after so many steps."""
        return self.next_event(step - 1) == step

    def is_over(self, step: int, history: History) -> bool:
        """Returns whether to stop after so many steps."""
        if step >= self.total_steps:
            return True
        if not self.early_stopping or not len(history):
            return False
        values = direction(self.monitor) * history[self.monitor]
        best = int(np.argmax(np.nan_to_num(values, nan=-np.inf)))
        return len(values) - 1 - best >= self.early_stopping

    def _is_due(self, every: int, step: int) -> bool:
        return step % every == 0 or step == self.total_steps


class Pace:
    """How many steps to ask of one call, so that it does not take too long.

    The run's numbers do not depend on it.

    Args:
        most: The most steps whatever their speed; 0 for any number.

    Attributes:
        limit: The most steps for the next call.
        seconds: How long the last call took.
    """

    def __init__(self, most: int = 0):
        self._most = most
        # The speed is not known yet.
        self.limit = 1
        self.seconds = 0.0

    @contextlib.contextmanager
    def timed(self, count: int) -> Iterator[None]:
        """Measures a call of so many steps."""
        start = time.perf_counter()
        yield
        self.seconds = time.perf_counter() - start
        # At most ten times as many: the first calls compile, and tell nothing.
        fit = int(count * _CALL_SECONDS / max(self.seconds, 1e-9))
        self.limit = max(1, min(fit, 10 * max(count, self.limit)))
        if self._most:
            self.limit = min(self.limit, self._most)
