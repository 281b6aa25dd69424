"""What a diagnosis may take: a multiple of the original training, or seconds."""

from __future__ import annotations

import dataclasses
import math
import re
import time
from collections.abc import Callable

import numpy as np

from framework.diagnose.core.measurement import NotApplicableError
from framework.errors import UsageError

# Decides after some epochs, by a function that predicts, whether to end a trial.
IsFutile = Callable[[float, Callable[[], np.ndarray]], bool]
# A budget of trainings always has room for this many steps, as far as they take no
# longer than a minute: of a small network they cost seconds, of a large one on
# photographs several trainings.
_FREE_STEPS, _FREE_SECONDS = 1_500, 60.0
# What a run of fewer steps took went into compiling and evaluating: it does not
# foretell what further steps take.
SHORT = 300
# A training of a minute or more bounds measuring and trials together: measuring may
# take half as long. It took .42 to .53 of trainings of 60 to 100 s on photographs, .61
# with a second look (benchmarks/diagnosis_cost.py); of shorter ones it takes more, as
# compiling takes seconds whatever the length.
_MEASURING = 0.5
# Trials that are as fast as the training differ from it in speed by chance.
_TOLERATED = 1.25


@dataclasses.dataclass(frozen=True)
class Budget:
    """A limit of all trials together.

    Attributes:
        trainings: As a multiple of the original training. Where that took a minute or
            more, no trial is started either that would end later than half a training
            after that, counted from the start of the diagnosis.
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
        begun: When the diagnosis has begun, by the clock; None for now.
    """

    def __init__(
        self,
        budget: Budget,
        epochs: float,
        steps_per_epoch: int,
        seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        begun: float | None = None,
    ):
        is_short = epochs * steps_per_epoch < SHORT and seconds < _FREE_SECONDS
        is_known = epochs > 0 and seconds > 0 and not is_short
        self._usual = self._per_epoch = seconds / epochs if is_known else 0.0
        free = _FREE_STEPS / steps_per_epoch if budget.seconds is None else 0.0
        if self._usual:
            free = min(free, _FREE_SECONDS / self._usual)
        self._epochs = max(budget.trainings * epochs, free)
        # Trials whose steps cost more are limited by these as well.
        known = budget.trainings * seconds if is_known or is_short else math.inf
        self._seconds = max(known, _FREE_SECONDS)
        self._whole, self._spent = epochs, 0.0
        self._clock = clock
        self._begun = clock() if begun is None else begun
        self.is_timed = budget.seconds is not None
        self.limit = budget.seconds
        if self.limit is None and self._usual and seconds >= _FREE_SECONDS:
            self.limit = (budget.trainings + _MEASURING) * seconds

    @property
    def epochs(self) -> float:
        """The epochs of the original training that are left; infinite if timed."""
        return self._epochs

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the diagnosis."""
        return self._clock() - self._begun

    @property
    def left(self) -> float:
        """Seconds until everything must have ended; infinite without such a limit."""
        return math.inf if self.limit is None else self.limit - self.elapsed

    def plan(self, epochs: float) -> str:
        """Returns a line with the highest cost of the trials.

        Args:
            epochs: The length of each.
        """
        text = f"trials of {epochs:.3g} epochs each"
        if seconds := self.seconds_of(epochs):
            text += f", about {seconds:.0f} s"
        text += f"; {self} in all"
        if self.limit is None:
            return text
        return f"{text}; none ends later than {self.limit:.0f} s after the start"

    def needed(self, epochs: float, count: int) -> str:
        """Returns a line with the cost of more trials, and the budget they need.

        Args:
            epochs: The length of each.
            count: How many.
        """
        if seconds := self.seconds_of(epochs):
            # Rounded up to tens: it is a guess.
            whole = 10 * math.ceil((self.elapsed + count * seconds) / 10)
            return f"it would take about {seconds:.0f} s; a budget of {whole}s tries it"
        multiple = (self._spent + count * epochs) / self._whole
        return f"it would take {epochs:.3g} epochs; a budget of {multiple:.2g} tries it"

    def seconds_of(self, epochs: float) -> float:
        """Returns how long a trial is expected to take; 0 if that is not known."""
        return epochs * self._per_epoch

    def allowance(
        self, epochs: float, is_futile: IsFutile | None = None, is_usual: bool = False
    ) -> Allowance | None:
        """Returns the limit of a trial; None for none.

        Args:
            epochs: Its length. One that cannot be afforded is run all the same where
                nothing else is left to try; then only the end of all limits it.
            is_futile: Decides whether the trial is ended half-way.
            is_usual: Whether its steps cost what those of the training do: then it is
                as fast as that, but for chance.
        """
        seconds = self.left
        is_as_known = is_usual and self._usual > 0
        if not (self.is_timed or is_as_known) and self.can_afford(epochs):
            seconds = min(seconds, self._seconds)
        if is_usual and is_futile is None and seconds == math.inf:
            return None
        return Allowance(seconds, self._clock, is_futile)

    def can_afford(self, epochs: float) -> bool:
        """Returns whether the budget is enough for that many epochs more."""
        if epochs > self._epochs + 1e-9 or not self.fits(epochs):
            return False
        return self.is_timed or epochs * self._usual <= _TOLERATED * self._seconds

    def fits(self, epochs: float) -> bool:
        """Returns whether a trial would end in time, whatever else it costs."""
        return self.limit is None or self.seconds_of(epochs) < self.left

    def spend(self, epochs: float, seconds: float, is_usual: bool = True) -> None:
        """Takes the cost of a trial off.

        Args:
            epochs: Its length.
            seconds: How long it took; later ones are expected to be as slow.
            is_usual: Whether its steps cost what those of the training do; then it
                is charged as that, whatever else the machine did meanwhile.
        """
        self._epochs -= epochs
        self._spent += epochs
        is_as_known = is_usual and self._usual > 0
        self._seconds -= epochs * self._usual if is_as_known else seconds
        if is_usual and epochs:
            self._per_epoch = seconds / epochs

    def __str__(self) -> str:
        """Returns the remaining epochs or seconds, in words."""
        if self.is_timed:
            return f"{max(self.left, 0.0):.0f} s"
        text = f"{max(self._epochs, 0.0):.3g} epochs"
        if not self._per_epoch:
            return text
        most = max(min(self._seconds, self.left), 0.0)
        seconds = min(self.seconds_of(max(self._epochs, 0.0)), most)
        return f"{text}, about {seconds:.0f} s"


class TooSlowError(NotApplicableError):
    """A trial would take much longer than may be."""


class Allowance:
    """The seconds that a trial may take, as they are foreseen by its first steps.

    Args:
        seconds: The most that it may take.
        clock: Returns seconds; for tests.
        is_futile: Decides whether the trial is ended half-way; None to go on.
    """

    def __init__(
        self,
        seconds: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
        is_futile: IsFutile | None = None,
    ):
        self._seconds, self._clock, self._start = seconds, clock, clock()
        self._first: tuple[int, float] | None = None
        self._is_futile = is_futile

    def is_futile(self, epochs: float, predict: Callable[[], np.ndarray]) -> bool:
        """Returns whether a trial can be ended, since its remedy gains too little.

        Args:
            epochs: How long it has trained, in epochs of the original training.
            predict: Returns the predicted classes of the validation images: int [N].
        """
        return self._is_futile is not None and self._is_futile(epochs, predict)

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
