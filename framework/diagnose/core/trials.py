"""Trains with one intervention after the other, and measures the gain of each.

An intervention is tried on top of those that were accepted before it: a later cause
cannot explain again what an earlier one has explained. Each trial starts anew and has a
fraction of the time of the original training only. Where it ends above the end of that
training, which had all its time, the cause is confirmed; `framework.diagnose.core.
decision` says by how much. A trial that fails is not measured: it decides nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from framework.data.split import Split
from framework.diagnose.core.budget import Budget, IsFutile
from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.decision import Decision, not_measured
from framework.diagnose.core.early_stop import half_way
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.ledger import TrialRecord, gain_evidence, seed_evidence
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.diagnose.core.runner import Runner
from framework.diagnose.core.standing import Accepted, Standing
from framework.diagnose.core.threshold import gain_shown_only
from framework.numerics.intervals import Estimate

ResultT = TypeVar("ResultT")


class Trials:
    """Runs trials within a budget; keeps the accepted interventions and their gain.

    Args:
        context: What is diagnosed.
        budget: How much all trials together may take.
        progress: Called with a line about each trial.
        begun: When the diagnosis has begun, by time.monotonic; None for now.

    Attributes:
        context: What is diagnosed.
        failed: Names of trials that did not help, and what was tried.
    """

    def __init__(
        self,
        context: DiagnosisContext,
        budget: Budget,
        progress: Callable[[str], None],
        begun: float | None = None,
    ):
        self.context = context
        self.failed: list[tuple[str, Intervention]] = []
        self._runner = Runner(context, budget, progress, begun)
        self._standing = Standing(context)
        self._shared: dict[type, Any] = {}

    @property
    def ledger(self) -> list[TrialRecord]:
        """One record of each trial, in order."""
        return self._runner.ledger

    @property
    def expected(self) -> float:
        """The gain that more of the same training would give, by a forecast."""
        return self._standing.expected

    @expected.setter
    def expected(self, gain: float) -> None:
        """Sets what explains nothing."""
        self._standing.expected = gain

    @property
    def correct(self) -> np.ndarray:
        """Correct judged images with the accepted interventions: bool [N]."""
        return self._standing.correct

    @property
    def labels(self) -> np.ndarray:
        """The labels of the judged validation images: int [N]."""
        return self._standing.labels

    @property
    def train_images(self) -> Split:
        """The training images, less those that accepted interventions leave out."""
        return self._standing.intervention.train or self.context.train

    def leave_out(self, images: np.ndarray) -> None:
        """Counts no gain on some validation images from now on.

        Args:
            images: Which, such as copies of training images: bool [N].
        """
        self._standing.leave_out(images)

    def can_afford(self, count: float = 1.0) -> bool:
        """Returns whether more trials can be paid for and judged.

        Args:
            count: How many trials.
        """
        return self._runner.can_afford(count) and self._standing.can_judge

    def fits(self, count: float) -> bool:
        """Returns whether a number of trials ends in time, beyond the budget or not."""
        return self._runner.fits(count)

    @property
    def can_judge(self) -> bool:
        """Whether gains are counted on enough images to be judged."""
        return self._standing.can_judge

    @property
    def whole(self) -> float:
        """The length of the original training, in usual lengths of a trial."""
        return float(self.context.settings.epochs) / self._runner.length

    @property
    def plan(self) -> str:
        """What trials may cost, in words."""
        return self._runner.plan

    @property
    def left(self) -> str:
        """What trials may still cost, in words."""
        return str(self._runner.remaining)

    def untried(self, count: int) -> Evidence | None:
        """Returns the cost of a trial that the budget did not allow; None if it did.

        Args:
            count: How many there are like it: the budget named is enough for all.
        """
        if self.can_afford() or not self._standing.can_judge:
            return None
        return self._runner.untried(count)

    def train(
        self,
        name: str,
        intervention: Intervention,
        at_initialization: bool = True,
        lengths: float = 1.0,
        is_futile: IsFutile | None = None,
    ) -> TrialResult:
        """Trains with one more intervention.

        Args:
            name: Of the trial.
            intervention: The change, besides the accepted ones.
            at_initialization: Whether from the first step; else from the last.
            lengths: How many times as long as usual.
            is_futile: Decides whether the trial is ended half-way; None to go on.

        Raises:
            NotApplicableError: The program has nothing to change so; the trial would
                take much more than is left; or it has failed for any reason but
                numbers that are not finite.
        """
        whole = self._standing.intervention | intervention
        return self._runner.train(
            name, whole, at_initialization, lengths, self.gain, is_futile
        )

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
        trained, further = self.context.settings.epochs, lengths * self._runner.length
        intervention = self.context.program.prolonged(trained, further)
        return self.train(name, intervention, False, lengths), intervention

    def gain(self, result: TrialResult) -> Estimate:
        """Returns the gain in accuracy over what was reached so far."""
        return self._standing.gain(self.correct_of(result))

    def correct_of(self, result: TrialResult) -> np.ndarray:
        """Returns which judged images a trial predicts correctly: bool [N]."""
        return self._standing.correct_of(result.validation_predictions)

    def accept(self, result: TrialResult, intervention: Intervention) -> None:
        """Makes an intervention part of all later trials, which must improve on it."""
        self._standing.accept(result, intervention)

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
    def accepted(self) -> Accepted | None:
        """The accepted interventions; None before the first."""
        return self._standing.accepted

    @property
    def has_accepted(self) -> bool:
        """Whether an intervention has been accepted."""
        return bool(self._standing.intervention.differences())

    @property
    def has_gained(self) -> bool:
        """Whether the interventions accepted so far have helped."""
        return self._standing.has_gained

    @property
    def gap(self) -> float:
        """Accuracy on training images, less that on validation images."""
        return self._standing.gap

    @property
    def minimum_gain(self) -> float:
        """The least gain that counts now."""
        return self._standing.minimum_gain

    @property
    def is_done(self) -> bool:
        """Whether too few errors are left for another cause to explain."""
        return self._standing.is_done

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
        futile = half_way(self._standing, intervention, lengths * self._runner.length)
        try:
            result = self.train(name, intervention, True, lengths, futile)
        except NotApplicableError as problem:
            return not_measured(problem)
        minimum, correct = self.minimum_gain, self.correct_of(result)
        judged = self._standing.judged
        status, gain, evidence = judged(result, correct, minimum)
        is_close = status == "confirmed" and gain.low < minimum
        if status == "unresolved":
            # Where accuracy swings, the same gain with another seed would decide it.
            is_close = judged(result, correct, minimum, seeds=2)[0] == "confirmed"
        if is_close:
            again = self._repeated(name, intervention, lengths)
            if again is not None:
                both = np.mean([correct, self.correct_of(again)], axis=0)
                first, second = gain, self.gain(again)
                status, gain, evidence = judged(result, both, minimum, seeds=2)
                if not second.value > 0:
                    status = "unresolved"
                evidence += (seed_evidence(first, second),)
        if status == "confirmed":
            self.accept(result, intervention)
        else:
            self.failed.append((name, intervention))
        return Decision(status, gain, evidence)

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
        return Decision(
            "confirmed", gain, (gain_evidence(gain, gain_shown_only(), result),)
        )
