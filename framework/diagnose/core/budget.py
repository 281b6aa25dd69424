"""What trials may take: a multiple of the original training, or seconds."""

from __future__ import annotations

import dataclasses
import math
import re
import time
from collections.abc import Callable

from framework.diagnose.core.measurement import NotApplicableError
from framework.errors import UsageError

# A budget of trainings always has room for this many steps, as far as they take no
# longer than a minute: of a small network they cost seconds, of a large one on
# photographs several trainings.
_FREE_STEPS, _FREE_SECONDS = 1_500, 60.0
# Trials that are as fast as the training differ from it in speed by chance.
_TOLERATED = 1.25


@dataclasses.dataclass(frozen=True)
class Budget:
    """A limit of all trials together.

    Attributes:
        trainings: As a multiple of the original training.
        seconds: Of the whole diagnosis: no trial is started that would end later. None
            if there is no such limit.

    Example:
        >>> Budget.parse("0.5").trainings, Budget.parse("90s").seconds
        (0.5, 90.0)
    """

    trainings: float = 1.0
    seconds: float | None = None

    @classmethod
    def parse(cls, value: str | float | Budget) -> Budget:
        """Returns the budget that is written as a number, as "0.5" or as "90s".

        Raises:
            UsageError: It is none of these, negative, or not finite.
        """
        if isinstance(value, Budget):
            return value
        match = re.fullmatch(r"\s*([0-9.eE+-]+)\s*(s?)\s*", str(value))
        try:
            number = float(match[1]) if match else math.nan
        except ValueError:
            number = math.nan
        if not 0 <= number < math.inf:
            raise UsageError(
                f"budget must be a multiple of the training, as 0.5, or seconds, as "
                f"60s; not {str(value)!r}"
            )
        if match and match[2]:
            return cls(math.inf, number)
        return cls(number)


class Remaining:
    """What is left of a budget.

    Args:
        budget: The budget.
        epochs: The length of the original training.
        steps_per_epoch: Training steps of an epoch.
        seconds: How long the original training took; 0 if that is not known.
        clock: Returns seconds; for tests.
    """

    def __init__(
        self,
        budget: Budget,
        epochs: float,
        steps_per_epoch: int,
        seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._usual = self._per_epoch = seconds / epochs if epochs else 0.0
        free = _FREE_STEPS / steps_per_epoch if budget.seconds is None else 0.0
        if self._usual:
            free = min(free, _FREE_SECONDS / self._usual)
        self._epochs = max(budget.trainings * epochs, free)
        # Trials whose steps cost more are limited by these as well.
        known = budget.trainings * seconds if self._usual else math.inf
        self._seconds = max(known, _FREE_SECONDS)
        self._clock = clock
        self._end = None if budget.seconds is None else clock() + budget.seconds

    @property
    def is_timed(self) -> bool:
        """Whether it is a budget of seconds, which is never exceeded."""
        return self._end is not None

    @property
    def epochs(self) -> float:
        """The epochs of the original training that are left; infinite if timed."""
        return self._epochs

    def allowance(self, epochs: float) -> Allowance:
        """Returns the limit of a trial, of the seconds that are left.

        Args:
            epochs: Its length. One that cannot be afforded is run all the same where
                nothing else is left to try; then there is no limit.
        """
        if not self.can_afford(epochs):
            return Allowance(clock=self._clock)
        if self._end is not None:
            return Allowance(self._end - self._clock(), self._clock)
        return Allowance(self._seconds, self._clock)

    def can_afford(self, epochs: float) -> bool:
        """Returns whether the budget is enough for that many epochs more."""
        if epochs > self._epochs + 1e-9:
            return False
        if self._end is None:
            return epochs * self._usual <= _TOLERATED * self._seconds
        end = self._clock() + epochs * self._per_epoch
        return end < self._end

    def spend(self, epochs: float, seconds: float, is_usual: bool = True) -> None:
        """Takes the cost of a trial off.

        Args:
            epochs: Its length.
            seconds: How long it took; later ones are expected to be as slow.
            is_usual: Whether its steps cost what those of the training do; then it
                is charged as that, whatever else the machine did meanwhile.
        """
        self._epochs -= epochs
        self._seconds -= epochs * self._usual if is_usual else seconds
        if is_usual and epochs:
            self._per_epoch = seconds / epochs

    def __str__(self) -> str:
        """Returns the remaining epochs or seconds, in words."""
        if self._end is not None:
            return f"{max(self._end - self._clock(), 0.0):.0f} s"
        text = f"{max(self._epochs, 0.0):.3g} epochs"
        if not self._per_epoch:
            return text
        seconds = min(max(self._epochs, 0.0) * self._per_epoch, max(self._seconds, 0.0))
        return f"{text}, about {seconds:.0f} s"


class TooSlowError(NotApplicableError):
    """A trial would take much longer than may be."""


class Allowance:
    """The seconds that a trial may take, as they are foreseen by its first steps.

    Args:
        seconds: The most that it may take.
        clock: Returns seconds; for tests.
    """

    def __init__(
        self, seconds: float = math.inf, clock: Callable[[], float] = time.monotonic
    ):
        self._seconds, self._clock, self._start = seconds, clock, clock()
        self._first: tuple[int, float] | None = None

    def check(self, done: int, total: int) -> None:
        """Notes the progress of a trial.

        Args:
            done: Steps so far. Those before the first call are compiled as well, which
                tells nothing of the others.
            total: All of its steps.

        Raises:
            TooSlowError: The trial would take more than 1.25 times the seconds.
        """
        now = self._clock()
        if self._first is None:
            self._first = done, now
            return
        first, then = self._first
        if done <= first:
            return
        foreseen = now - self._start + (now - then) / (done - first) * (total - done)
        if foreseen > _TOLERATED * self._seconds:
            raise TooSlowError(
                f"it would take about {foreseen:.0f} s, and {self._seconds:.0f} s are "
                f"left; a larger --budget tries it"
            )
