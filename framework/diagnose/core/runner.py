"""Runs trials within a budget, and keeps the ledger."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from framework.diagnose.core.budget import (
    Budget,
    IsFutile,
    Remaining,
    TooSlowError,
)
from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.ledger import TrialRecord
from framework.diagnose.core.measurement import NotApplicableError, described
from framework.diagnose.core.program import TrialResult
from framework.numerics.intervals import Estimate

# The length of a trial, as a fraction of the original training.
LENGTH = 1 / 3
# Trials of fewer steps show nothing; but one is not to take more than a third of the
# budget for that.
_LEAST_STEPS = 300


class Runner:
    """Runs trials within a budget.

    Args:
        context: What is diagnosed.
        budget: How much all trials together may take.
        progress: Called with a line about each trial.
        begun: When the diagnosis has begun, by time.monotonic; None for now.

    Attributes:
        ledger: One record of each trial, in order.
        length: Of a usual trial, in epochs of the original training.
        remaining: What is left of the budget.
    """

    def __init__(
        self,
        context: DiagnosisContext,
        budget: Budget,
        progress: Callable[[str], None],
        begun: float | None = None,
    ):
        self.ledger: list[TrialRecord] = []
        self._context, self._progress = context, progress
        settings = context.settings
        epochs, per_epoch = float(settings.epochs), settings.steps_per_epoch
        self.remaining = Remaining(
            budget, epochs, per_epoch, settings.seconds, begun=begun
        )
        # But none is longer than what it is compared with.
        least = min(_LEAST_STEPS / per_epoch, LENGTH * self.remaining.epochs)
        self.length = min(max(LENGTH * epochs, least), epochs)

    def can_afford(self, count: float) -> bool:
        """Returns whether the budget allows a number of trials."""
        return self.remaining.can_afford(count * self.length)

    def fits(self, count: float) -> bool:
        """Returns whether a number of trials ends in time, beyond the budget or not."""
        return self.remaining.fits(count * self.length)

    @property
    def plan(self) -> str:
        """What trials may cost, in words."""
        text = self.remaining.plan(self.length)
        seconds = self._context.settings.seconds
        return f"{text}; training has taken {seconds:.0f} s" if seconds else text

    def untried(self, count: int) -> Evidence:
        """Returns the cost of a trial that the budget did not allow.

        Args:
            count: How many there are like it: the budget named is enough for all.
        """
        needed = self.remaining.needed(self.length, count)
        return Evidence("the trial", "not tried", "", needed)

    def train(
        self,
        name: str,
        intervention: Intervention,
        at_initialization: bool,
        lengths: float,
        gain: Callable[[TrialResult], Estimate],
        is_futile: IsFutile | None,
    ) -> TrialResult:
        """Trains with an intervention.

        Args:
            name: Of the trial.
            intervention: All that is different from the original training.
            at_initialization: Whether from the first step; else from the last.
            lengths: How many times as long as usual.
            gain: Returns the gain of a result, for the ledger.
            is_futile: Decides whether the trial is ended half-way; None to go on.

        Raises:
            NotApplicableError: See `Trials.train`.
        """
        epochs, remaining = lengths * self.length, self.remaining
        self._progress(f"trial of {name}: {epochs:.3g} epochs; {remaining} left")
        # A wider model can take many times as long, which nobody knows before.
        is_usual = intervention.width_factor == 1.0
        allowance = remaining.allowance(epochs, is_futile, is_usual)
        start = time.monotonic()
        try:
            result = self._context.program.train(
                name, intervention, epochs, at_initialization, allowance
            )
        except Exception as problem:
            # A trial that fails must not pass for one that reaches nothing.
            seconds = time.monotonic() - start
            is_told = isinstance(problem, NotApplicableError)
            reason = str(problem) if is_told else described(problem)
            remaining.spend(0.0, seconds, is_usual=False)
            self.ledger.append(TrialRecord(name, 0.0, seconds, None, reason))
            is_slow = isinstance(problem, TooSlowError)
            raise (TooSlowError if is_slow else NotApplicableError)(reason) from problem
        seconds = time.monotonic() - start
        result = dataclasses.replace(result, name=name)
        remaining.spend(result.epochs, seconds, is_usual)
        self.ledger.append(TrialRecord(name, result.epochs, seconds, gain(result)))
        return result
