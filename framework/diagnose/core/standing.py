"""What the accepted interventions have reached so far, and what counts as a gain."""

from __future__ import annotations

import dataclasses

import numpy as np

from framework.diagnose.core import control as control_lib
from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.control import Control
from framework.diagnose.core.decision import MINIMUM_GAIN, judge, threshold
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.ledger import gain_evidence
from framework.diagnose.core.program import TrialResult
from framework.numerics.intervals import Estimate

# A gain must also be this fraction of all errors that are left, and of what was gained
# before, since healthy recipes can be improved as well. Of many errors 10 points are
# enough.
FRACTION, _ENOUGH = 0.25, 0.10
# Of fewer images no gain of 10 points is certain: two standard errors of a difference
# of 10 % and 0 % of 40 images are 10 points.
_FEWEST_JUDGED = 40


@dataclasses.dataclass(frozen=True, eq=False)
class Accepted:
    """An accepted intervention, with all that were accepted before it.

    Attributes:
        intervention: All of them in one.
        causes: The names of their trials, which are those of causes; in order.
        result: Of the trial with all of them.
    """

    intervention: Intervention
    causes: tuple[str, ...]
    result: TrialResult


class Standing:
    """The accuracy on the judged validation images, with the accepted interventions.

    Args:
        context: What is diagnosed.

    Attributes:
        accepted: The accepted interventions; None before the first.
        expected: The gain that more of the same training would give, by a forecast:
            what gains no more explains nothing.
    """

    def __init__(self, context: DiagnosisContext):
        self._context = context
        self.accepted: Accepted | None = None
        self.expected = 0.0
        self._correct = self._initial = context.correct("validation")
        self._is_judged = np.ones(len(self._correct), bool)
        self._control = control_lib.at_end(context)
        self._train_accuracy = float(np.mean(context.correct("train")))

    @property
    def intervention(self) -> Intervention:
        """The accepted interventions in one."""
        return Intervention() if self.accepted is None else self.accepted.intervention

    @property
    def correct(self) -> np.ndarray:
        """Correct judged images with the accepted interventions: bool [N]."""
        return self._correct[self._is_judged]

    @property
    def labels(self) -> np.ndarray:
        """The labels of the judged validation images: int [N]."""
        return self._context.validation.labels[self._is_judged]

    @property
    def can_judge(self) -> bool:
        """Whether enough validation images count for a gain to be certain."""
        return bool(self._is_judged.sum() >= min(_FEWEST_JUDGED, len(self._is_judged)))

    def leave_out(self, images: np.ndarray) -> None:
        """Counts no gain on some validation images from now on: bool [N]."""
        self._is_judged = self._is_judged & ~images

    def accept(self, result: TrialResult, intervention: Intervention) -> None:
        """Makes an intervention the base of all later trials, which must improve on it.

        Args:
            result: Of the trial, with its name.
            intervention: The change, besides those accepted before.
        """
        causes = () if self.accepted is None else self.accepted.causes
        self.accepted = Accepted(
            self.intervention | intervention, (*causes, result.name), result
        )
        self._correct = self._correct_of(result.validation_predictions)
        # How much a trial swings is not known: it is evaluated once.
        self._control = Control(self._correct)
        if intervention.train is None:
            correct = result.train_predictions == self._context.train.labels
            self._train_accuracy = float(np.mean(correct))

    def correct_of(self, predicted: np.ndarray) -> np.ndarray:
        """Returns which judged images are predicted correctly: bool [N].

        Args:
            predicted: The classes of all validation images.
        """
        return self._correct_of(predicted)[self._is_judged]

    def _correct_of(self, predicted: np.ndarray) -> np.ndarray:
        correct: np.ndarray = predicted == self._context.validation.labels
        return correct

    def gain(self, correct: np.ndarray, seeds: int = 1) -> Estimate:
        """Returns the gain in accuracy over what was reached so far.

        Args:
            correct: Which judged images a trial has right, bool [N]; or float [N], the
                mean of several trials.
            seeds: How many.
        """
        return self._judged_part(self._control).gain(correct, seeds)

    def gain_at_length(
        self, epochs: float, correct: np.ndarray, seeds: int = 1
    ) -> Estimate | None:
        """Returns the same over the run after as many epochs.

        Returns:
            None if that is not known, or is no match since something was accepted.
        """
        if self.intervention.differences():
            return None
        control = control_lib.at_length(self._context, epochs)
        if control is None:
            return None
        return self._judged_part(control).gain(correct, seeds)

    def _judged_part(self, control: Control) -> Control:
        return dataclasses.replace(control, correct=control.correct[self._is_judged])

    def judged(
        self, result: TrialResult, correct: np.ndarray, minimum: float, seeds: int = 1
    ) -> tuple[str, Estimate, tuple[Evidence, ...]]:
        """Returns the status that a trial gives, its gain, and the evidence.

        Args:
            result: Of the trial.
            correct: Which validation images are right; the mean if of several seeds.
            minimum: The least gain that counts.
            seeds: How many.
        """
        gain = self.gain(correct, seeds)
        evidence = [gain_evidence(gain, threshold(minimum), result, seeds)]
        equal = self.gain_at_length(result.epochs, correct, seeds)
        if equal is not None:
            evidence.append(
                Evidence(
                    "the same gain at equal length",
                    equal,
                    threshold(minimum).note("; then half of that is enough at the end"),
                    f"against the run after {result.epochs:.3g} epochs",
                )
            )
        return judge(gain, equal, minimum, self.expected), gain, tuple(evidence)

    @property
    def has_gained(self) -> bool:
        """Whether the interventions accepted so far have helped."""
        return self.accuracy - self._initial_accuracy >= MINIMUM_GAIN

    @property
    def gap(self) -> float:
        """Accuracy on training images, less that on validation images."""
        return self._train_accuracy - self.accuracy

    @property
    def minimum_gain(self) -> float:
        """The least gain that counts now."""
        return max(self._least_gain, self.expected)

    @property
    def is_done(self) -> bool:
        """Whether too few errors are left for another cause to explain."""
        return 1.0 - self.accuracy < self._least_gain

    @property
    def _least_gain(self) -> float:
        of_errors = min(FRACTION * (1.0 - self.accuracy), _ENOUGH)
        of_gains = FRACTION * (self.accuracy - self._initial_accuracy)
        return max(MINIMUM_GAIN, of_errors, of_gains)

    @property
    def accuracy(self) -> float:
        """On the judged images; 0 without any: nothing is done, and nothing gained."""
        return float(np.mean(self.correct)) if self._is_judged.any() else 0.0

    @property
    def _initial_accuracy(self) -> float:
        correct = self._initial[self._is_judged]
        return float(np.mean(correct)) if len(correct) else 0.0
