"""Trains with one intervention after the other, and measures the gain of each.

An intervention is tried on top of those that were accepted before it: a later cause
cannot explain again what an earlier one has explained. Each trial starts anew and has a
fraction of the time of the original training only. Where it ends above the end of that
training, which had all its time, the cause is confirmed; `framework.diagnose.core.
decision` says by how much. A trial that fails is not measured: it decides nothing.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from framework.data.dataset import Split
from framework.diagnose.core import control as control_lib
from framework.diagnose.core.budget import Budget, Remaining
from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.control import Control
from framework.diagnose.core.decision import (
    MINIMUM_GAIN,
    Decision,
    is_gain,
    judge,
    not_measured,
    threshold,
)
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.ledger import TrialRecord, gain_evidence, seed_evidence
from framework.diagnose.core.measurement import NotApplicableError, described
from framework.diagnose.core.program import TrialResult
from framework.numerics.intervals import Estimate, paired_difference

# The length of a trial, as a fraction of the original training.
LENGTH = 1 / 3
# Trials of fewer steps show nothing; but one is not to take more than a third of the
# budget for that.
_LEAST_STEPS = 300
# A gain must also be this fraction of all errors that are left, and of what was gained
# before, since healthy recipes can be improved as well. Of many errors 10 points are
# enough.
_FRACTION, _ENOUGH = 0.25, 0.10
# Of fewer images no gain of 10 points is certain: two standard errors of a difference
# of 10 % and 0 % of 40 images are 10 points.
_FEWEST_JUDGED = 40
_RATES = ("learning_rate_too_high", "learning_rate_too_low")
ResultT = TypeVar("ResultT")


class Trials:
    """Runs trials within a budget; keeps the accepted interventions and their gain.

    Args:
        context: What is diagnosed.
        budget: How much all trials together may take.
        progress: Called with a line about each trial.

    Attributes:
        context: What is diagnosed.
        ledger: One record of each trial, in order.
        expected: The gain that more of the same training would give, by a forecast:
            what gains no more explains nothing.
    """

    def __init__(
        self,
        context: DiagnosisContext,
        budget: Budget,
        progress: Callable[[str], None],
    ):
        self.context = context
        self.ledger: list[TrialRecord] = []
        self.expected = 0.0
        self._progress = progress
        epochs = float(context.settings.epochs)
        per_epoch = context.settings.steps_per_epoch
        self._remaining = Remaining(budget, epochs, per_epoch, context.settings.seconds)
        # But none is longer than what it is compared with.
        least = min(_LEAST_STEPS / per_epoch, LENGTH * self._remaining.epochs)
        self._length = min(max(LENGTH * epochs, least), epochs)
        self._accepted = Intervention()
        self._correct = self._initial = context.correct("validation")
        self._is_judged = np.ones(len(self._correct), bool)
        self._control = control_lib.at_end(context)
        self._failed: list[tuple[str, Intervention]] = []
        self._shared: dict[type, Any] = {}
        self._train_accuracy = float(np.mean(context.correct("train")))

    @property
    def correct(self) -> np.ndarray:
        """Correct judged images with the accepted interventions: bool [N]."""
        return self._correct[self._is_judged]

    @property
    def labels(self) -> np.ndarray:
        """The labels of the judged validation images: int [N]."""
        return self.context.validation.labels[self._is_judged]

    @property
    def train_images(self) -> Split:
        """The training images, less those that accepted interventions leave out."""
        return self._accepted.train or self.context.train

    def leave_out(self, images: np.ndarray) -> None:
        """Counts no gain on some validation images from now on.

        Args:
            images: Which, such as copies of training images: bool [N].
        """
        self._is_judged = self._is_judged & ~images

    def can_afford(self, count: float = 1.0) -> bool:
        """Returns whether more trials can be paid for and judged.

        Args:
            count: How many trials.
        """
        if self._is_judged.sum() < min(_FEWEST_JUDGED, len(self._is_judged)):
            return False
        return self._remaining.can_afford(count * self._length)

    @property
    def whole(self) -> float:
        """The length of the original training, in usual lengths of a trial."""
        return float(self.context.settings.epochs) / self._length

    @property
    def plan(self) -> str:
        """What trials may cost, in words."""
        text = f"trials of {self._length:.3g} epochs each; {self._remaining} in all"
        seconds = self.context.settings.seconds
        return f"{text}; training has taken {seconds:.0f} s" if seconds else text

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
            intervention: The change, besides the accepted ones.
            at_initialization: Whether from the first step; else from the last.
            lengths: How many times as long as usual.

        Raises:
            NotApplicableError: The program has nothing to change so; the trial would
                take much more than is left; or it has failed for any reason but
                numbers that are not finite.
        """
        epochs, whole = lengths * self._length, self._accepted | intervention
        self._progress(f"trial of {name}: {epochs:.3g} epochs; {self._remaining} left")
        # A wider model can take many times as long, which nobody knows before.
        is_usual = whole.width_factor == 1.0
        allowance = None if is_usual else self._remaining.allowance(epochs)
        start = time.monotonic()
        try:
            result = self.context.program.train(
                name, whole, epochs, at_initialization, allowance
            )
        except Exception as problem:
            # A trial that fails must not pass for one that reaches nothing.
            seconds = time.monotonic() - start
            is_told = isinstance(problem, NotApplicableError)
            reason = str(problem) if is_told else described(problem)
            self._remaining.spend(0.0, seconds, is_usual=False)
            self.ledger.append(TrialRecord(name, 0.0, seconds, None, reason))
            raise NotApplicableError(reason) from problem
        seconds = time.monotonic() - start
        self._remaining.spend(epochs, seconds, is_usual)
        self.ledger.append(TrialRecord(name, epochs, seconds, self.gain(result)))
        return result

    def train_on(
        self, name: str, lengths: float = 1.0
    ) -> tuple[TrialResult, Intervention]:
        """Continues the original training, at a learning rate that still trains.

        Args:
            name: Of the trial.
            lengths: How many times as long as usual.

        Returns:
            The result, and what was different from the original training.

        Raises:
            NotApplicableError: It cannot be continued.
        """
        trained, further = self.context.settings.epochs, lengths * self._length
        intervention = self.context.program.prolonged(trained, further)
        return self.train(name, intervention, False, lengths), intervention

    def gain(self, result: TrialResult) -> Estimate:
        """Returns the gain in accuracy over what was reached so far."""
        return self._judged_part(self._control).gain(self.correct_of(result))

    def correct_of(self, result: TrialResult) -> np.ndarray:
        """Returns which judged images a trial predicts correctly: bool [N]."""
        return self._correct_of(result)[self._is_judged]

    def accept(self, result: TrialResult, intervention: Intervention) -> None:
        """Makes an intervention part of all later trials, which must improve on it."""
        self._accepted |= intervention
        self._correct = self._correct_of(result)
        # How much a trial swings is not known: it is evaluated once.
        self._control = Control(self._correct)
        if intervention.train is None:
            correct = result.train_predictions == self.context.train.labels
            self._train_accuracy = float(np.mean(correct))

    def _correct_of(self, result: TrialResult) -> np.ndarray:
        labels = self.context.validation.labels
        correct: np.ndarray = result.validation_predictions == labels
        return correct

    def _judged_part(self, control: Control) -> Control:
        return dataclasses.replace(control, correct=control.correct[self._is_judged])

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
        """Whether the interventions accepted so far have helped."""
        return self._accuracy - self._initial_accuracy >= MINIMUM_GAIN

    @property
    def gap(self) -> float:
        """Accuracy on training images, less that on validation images."""
        return self._train_accuracy - self._accuracy

    @property
    def minimum_gain(self) -> float:
        """The least gain that counts now."""
        return max(self._least_gain, self.expected)

    @property
    def _least_gain(self) -> float:
        of_errors = min(_FRACTION * (1.0 - self._accuracy), _ENOUGH)
        of_gains = _FRACTION * (self._accuracy - self._initial_accuracy)
        return max(MINIMUM_GAIN, of_errors, of_gains)

    @property
    def is_done(self) -> bool:
        """Whether too few errors are left for another cause to explain."""
        return 1.0 - self._accuracy < self._least_gain

    @property
    def _accuracy(self) -> float:
        # Where nothing can be judged, nothing is done, and nothing gained.
        return float(np.mean(self.correct)) if self._is_judged.any() else 0.0

    @property
    def _initial_accuracy(self) -> float:
        correct = self._initial[self._is_judged]
        return float(np.mean(correct)) if len(correct) else 0.0

    def run(
        self, name: str, intervention: Intervention, lengths: float = 1.0
    ) -> Decision:
        """Decides a suspicion by a trial; without budget, it stays one.

        A gain that is large enough, but not for certain, is measured with a second
        seed, and so is one that swings: seeds that disagree in sign confirm nothing.

        Args:
            name: Of the trial.
            intervention: The change, besides the accepted ones.
            lengths: How many times as long as usual.
        """
        if not self.can_afford(lengths):
            return Decision("suspected")
        try:
            result = self.train(name, intervention, lengths=lengths)
        except NotApplicableError as problem:
            return not_measured(problem)
        minimum, correct = self.minimum_gain, self.correct_of(result)
        status, gain, evidence = self._judged(result, correct, minimum)
        is_close = status == "confirmed" and gain.low < minimum
        if status == "unresolved":
            # Where accuracy swings, the same gain with another seed would decide it.
            is_close = self._judged(result, correct, minimum, seeds=2)[0] == "confirmed"
        if is_close:
            again = self._repeated(name, intervention, lengths)
            if again is not None:
                both = np.mean([correct, self.correct_of(again)], axis=0)
                first, second = gain, self.gain(again)
                status, gain, evidence = self._judged(result, both, minimum, seeds=2)
                if not second.value > 0:
                    status = "unresolved"
                evidence += (seed_evidence(first, second),)
        if status == "confirmed":
            self.accept(result, intervention)
        else:
            self._failed.append((name, intervention))
        return Decision(status, gain, evidence)

    def _judged(
        self, result: TrialResult, correct: np.ndarray, minimum: float, seeds: int = 1
    ) -> tuple[str, Estimate, tuple[Evidence, ...]]:
        """Returns the status that a trial gives, its gain, and the evidence.

        Args:
            result: Of the trial.
            correct: Which validation images are right; the mean if of several seeds.
            minimum: The least gain that counts.
            seeds: How many.
        """
        gain = self._judged_part(self._control).gain(correct, seeds)
        evidence = [gain_evidence(gain, threshold(minimum), result, seeds)]
        equal, control = None, None
        if not self.has_accepted:
            control = control_lib.at_length(self.context, result.epochs)
        if control is not None:
            equal = self._judged_part(control).gain(correct, seeds)
            evidence.append(
                Evidence(
                    "the same gain at equal length",
                    equal,
                    f"{threshold(minimum)}; then half of that is enough at the end",
                    f"against the run after {result.epochs:.3g} epochs",
                )
            )
        return judge(gain, equal, minimum, self.expected), gain, tuple(evidence)

    def _repeated(
        self, name: str, intervention: Intervention, lengths: float
    ) -> TrialResult | None:
        """Runs a trial with another seed; None if that is not possible."""
        if not self.can_afford(lengths):
            return None
        seeded = intervention | Intervention(seed=1)
        try:
            return self.train(f"{name} again", seeded, lengths=lengths)
        except NotApplicableError:
            return None

    def apply(self, name: str, intervention: Intervention) -> Decision:
        """Applies the remedy of a cause that is certain, and measures its gain.

        It is accepted unless it certainly hurts, because it may hide other faults.
        """
        if not self.can_afford():
            return Decision("confirmed")
        try:
            result = self.train(name, intervention)
        except NotApplicableError as problem:
            return dataclasses.replace(not_measured(problem), status="confirmed")
        gain = self.gain(result)
        if gain.high < 0:
            return Decision("confirmed")
        self.accept(result, intervention)
        return Decision("confirmed", gain, (gain_evidence(gain, "shown only", result),))

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
        if self._remaining.is_timed and not self.can_afford(1 + len(candidates)):
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
