"""Trains with one intervention after the other, and measures the gain of each.

An intervention is tried on top of those that were accepted before it: a later cause
cannot explain again what an earlier one has explained. Each trial starts anew and has a
fraction of the time of the original training only. Where it ends above the end of that
training, which had all its time, the cause is confirmed.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.numerics.intervals import Estimate, paired_difference

# The length of a trial, as a fraction of the original training.
LENGTH = 1 / 3
# Trials of fewer steps show nothing; and so few cost seconds, whatever the budget.
_LEAST_STEPS, _FREE_STEPS = 300, 1_500
# The least gain in accuracy that is worth a finding. Training twice as long gains less
# in each of the 54 healthy programs of the calibration half of the zoo: 2.5 points at
# most (benchmarks/zoo/admitted.json).
MINIMUM_GAIN = 0.03
# A gain must also be this fraction of all errors that are left, and of what was gained
# before, since healthy recipes can be improved as well. Of many errors 10 points are
# enough.
_FRACTION, _ENOUGH = 0.25, 0.10
_RATES = ("learning_rate_too_high", "learning_rate_too_low")
ResultT = TypeVar("ResultT")


@dataclasses.dataclass(frozen=True)
class TrialRecord:
    """One line of the ledger.

    Attributes:
        name: Of the trial.
        epochs: Its length, in epochs of the original training.
        seconds: How long it took.
        gain: In validation accuracy, against what was reached before it.
    """

    name: str
    epochs: float
    seconds: float
    gain: Estimate

    def as_json(self) -> dict[str, Any]:
        """Returns a JSON value."""
        return {
            "name": self.name,
            "epochs": self.epochs,
            "seconds": round(self.seconds, 1),
            "gain": self.gain.value,
            "gain_interval": [self.gain.low, self.gain.high],
        }


@dataclasses.dataclass(frozen=True)
class Decision:
    """What a trial says of a suspicion.

    Attributes:
        status: "confirmed", "falsified", or "suspected" if nothing was decided.
        cost: How much accuracy the cause costs; None if that is not known.
        evidence: What the trial has shown.
        intervention: What was tried; None for that of the suspicion.
    """

    status: str
    cost: Estimate | None = None
    evidence: tuple[Evidence, ...] = ()
    intervention: Intervention | None = None


class Trials:
    """Runs trials within a budget, and keeps what was accepted and gained.

    Args:
        context: What is diagnosed.
        budget: How much trials may train in all, in units of the original training.
        progress: Called with a line about each trial.

    Attributes:
        context: What is diagnosed.
        ledger: One record of each trial, in order.
    """

    def __init__(
        self,
        context: DiagnosisContext,
        budget: float,
        progress: Callable[[str], None],
    ):
        self.context = context
        self.ledger: list[TrialRecord] = []
        self._progress = progress
        epochs = float(context.settings.epochs)
        per_epoch = context.settings.steps_per_epoch
        self._remaining = max(budget * epochs, _FREE_STEPS / per_epoch)
        # But none is longer than what it is compared with.
        self._length = min(max(LENGTH * epochs, _LEAST_STEPS / per_epoch), epochs)
        self._accepted = Intervention()
        self._correct = context.correct("validation")
        self._failed: list[tuple[str, Intervention]] = []
        self._shared: dict[type, Any] = {}
        self._initial_accuracy = float(np.mean(self._correct))
        self._train_accuracy = float(np.mean(context.correct("train")))

    @property
    def correct(self) -> np.ndarray:
        """Which validation images are right with all that is accepted: bool [N]."""
        return self._correct

    def can_afford(self, count: float = 1.0) -> bool:
        """Returns whether the budget is enough for that many more trials."""
        return count * self._length <= self._remaining + 1e-9

    def train(
        self,
        name: str,
        intervention: Intervention,
        at_initialization: bool = True,
        lengths: float = 1.0,
    ) -> TrialResult:
        """Trains with one more intervention.

        Args:
            name: Of the trial.
            intervention: What is different, besides what is accepted.
            at_initialization: Whether from the first step; else from the last.
            lengths: How many times as long as usual.

        Raises:
            NotApplicableError: The program has nothing to change so.
        """
        epochs = lengths * self._length
        self._progress(
            f"trial of {name}: {epochs:.3g} epochs; {self._remaining:.3g} are left"
        )
        start = time.monotonic()
        result = self.context.program.train(
            name, self._accepted | intervention, epochs, at_initialization
        )
        self._remaining -= epochs
        seconds = time.monotonic() - start
        self.ledger.append(TrialRecord(name, epochs, seconds, self.gain(result)))
        return result

    def gain(self, result: TrialResult) -> Estimate:
        """Returns the gain in accuracy over what was reached so far."""
        return paired_difference(self.correct_of(result), self._correct)

    def correct_of(self, result: TrialResult) -> np.ndarray:
        """Returns which validation images a trial has right: bool [N]."""
        return result.validation_predictions == self.context.validation.labels

    def accept(self, result: TrialResult, intervention: Intervention) -> None:
        """Makes an intervention part of all later trials, and the standard for them."""
        self._accepted |= intervention
        self._correct = self.correct_of(result)
        if intervention.train is None:
            correct = result.train_predictions == self.context.train.labels
            self._train_accuracy = float(np.mean(correct))

    def share(self, kind: type[ResultT], make: Callable[[], ResultT]) -> ResultT:
        """Returns a result that several checks decide by; made at the first call."""
        if kind not in self._shared:
            self._shared[kind] = make()
        result = self._shared[kind]
        assert isinstance(result, kind)
        return result

    def shared(self, kind: type[ResultT]) -> ResultT | None:
        """Returns a shared result; None before it is made."""
        return self._shared.get(kind)

    @property
    def has_accepted(self) -> bool:
        """Whether an intervention has been accepted."""
        return bool(self._accepted.differences())

    @property
    def has_gained(self) -> bool:
        """Whether what was accepted so far has helped."""
        gain = float(np.mean(self._correct)) - self._initial_accuracy
        return gain >= MINIMUM_GAIN

    @property
    def gap(self) -> float:
        """Accuracy on training images, less that on validation images."""
        return self._train_accuracy - float(np.mean(self._correct))

    @property
    def minimum_gain(self) -> float:
        """The least gain that counts now."""
        accuracy = float(np.mean(self._correct))
        of_errors = min(_FRACTION * (1.0 - accuracy), _ENOUGH)
        of_gains = _FRACTION * (accuracy - self._initial_accuracy)
        return max(MINIMUM_GAIN, of_errors, of_gains)

    @property
    def is_done(self) -> bool:
        """Whether too few errors are left for another cause to explain."""
        return 1.0 - float(np.mean(self._correct)) < self.minimum_gain

    def run(self, name: str, intervention: Intervention) -> Decision:
        """Decides a suspicion by a trial; without budget, it stays one."""
        result = self._affordable(name, intervention)
        if result is None:
            return Decision("suspected")
        gain, minimum = self.gain(result), self.minimum_gain
        if is_gain(gain, minimum):
            self.accept(result, intervention)
        else:
            self._failed.append((name, intervention))
        threshold = f"the interval above 0, and {minimum:.0%} or more"
        evidence = _evidence(gain, threshold, result)
        return Decision(status_of(gain, minimum), gain, (evidence,))

    def apply(self, name: str, intervention: Intervention) -> Decision:
        """Applies the remedy of a cause that is certain, and measures its gain.

        It is accepted unless it certainly hurts: the faults behind one that alone is
        enough cannot be seen before.
        """
        result = self._affordable(name, intervention)
        if result is None:
            return Decision("confirmed")
        gain = self.gain(result)
        if gain.high < 0:
            return Decision("confirmed")
        self.accept(result, intervention)
        return Decision("confirmed", gain, (_evidence(gain, "shown only", result),))

    def run_together(
        self, untried: Mapping[str, Intervention] | None = None
    ) -> tuple[set[str], Estimate | None]:
        """Applies all interventions at once that failed alone, if nothing else helped.

        Faults that hide each other are seen in no other way: so the budget may be
        exceeded, once anything was tried. Without a change of the learning rate first:
        wrong steps are often a consequence.

        Args:
            untried: Interventions by cause that there was no budget for.

        Returns:
            The names that are needed for the gain of all, and that gain; none if there
            is no gain, or nothing to try.
        """
        candidates = {**(untried or {}), **dict(self._failed)}
        # One cannot raise a rate and lower it.
        if "learning_rate_too_low" in candidates:
            candidates.pop("learning_rate_too_high", None)
        least = 1 if self.has_accepted else 2
        if self.has_gained or len(candidates) < least or not self.ledger:
            return set(), None
        others = {name: each for name, each in candidates.items() if name not in _RATES}
        result: TrialResult | None = None
        gain: Estimate | None = None
        if least <= len(others) < len(candidates):
            result, gain = self._gaining(others, "all but the rate")
        if result is not None:
            candidates = others
        elif len(others) == len(candidates) or len(others) < least or self.can_afford():
            result, gain = self._gaining(candidates, "all together")
        if result is None:
            return set(), None
        for name in list(candidates) if len(candidates) > 2 else []:
            others = {key: each for key, each in candidates.items() if key != name}
            rest = self._all(others, f"all but {name}")
            if rest and not is_gain(
                paired_difference(self.correct_of(result), self.correct_of(rest))
            ):
                candidates, result = others, rest
        self.accept(result, functools.reduce(operator.or_, candidates.values()))
        return set(candidates), gain

    def _gaining(
        self, interventions: Mapping[str, Intervention], name: str
    ) -> tuple[TrialResult | None, Estimate | None]:
        """Returns the result of several interventions, and its gain, if it is one."""
        result = self._all(interventions, name)
        if result is None or not is_gain(self.gain(result), self.minimum_gain):
            return None, None
        return result, self.gain(result)

    def _all(
        self, interventions: Mapping[str, Intervention], name: str
    ) -> TrialResult | None:
        try:
            return self.train(
                name, functools.reduce(operator.or_, interventions.values())
            )
        except NotApplicableError:
            return None

    def _affordable(self, name: str, intervention: Intervention) -> TrialResult | None:
        if not self.can_afford():
            return None
        try:
            return self.train(name, intervention)
        except NotApplicableError:
            return None


def _evidence(gain: Estimate, threshold: str, result: TrialResult) -> Evidence:
    return Evidence(
        "gain in validation accuracy of the trial",
        gain,
        threshold,
        f"trained anew for {result.epochs:.3g} epochs, against the run's end",
    )


def is_gain(gain: Estimate, minimum: float = MINIMUM_GAIN) -> bool:
    """Returns whether a gain is certain and large enough.

    Example:
        >>> is_gain(Estimate(0.05, 0.01, 0.09)), is_gain(Estimate(0.05, -0.01, 0.11))
        (True, False)
    """
    return gain.low > 0 and gain.value >= minimum


def status_of(gain: Estimate | None, minimum: float = MINIMUM_GAIN) -> str:
    """Returns the status that a trial gives a suspicion; None stands for no trial."""
    if gain is None:
        return "suspected"
    return "confirmed" if is_gain(gain, minimum) else "falsified"
