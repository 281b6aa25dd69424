"""The model is too small."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.checks.training import size_or_length
from framework.diagnose.checks.training.size_or_length import NARROW
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import Decision
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import at_most
from framework.diagnose.core.trials import Trials
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.regularization import Capacity
from framework.diagnose.measure.step_sizes import StepSizes


@dataclasses.dataclass(frozen=True)
class InsufficientCapacity(Check):
    """Looks for training images that are not learnt, without a gap to validation.

    Why it matters:
        A net that cannot represent training images cannot know others.
    Evidence:
        Training accuracy, and the units of the narrowest hidden layer.
    How it is decided:
        By trials of a larger model and of a longer training, side by side. Where steps
        have no length, and no other rate was tried with success, size is not judged:
        nothing shows what these weights could represent.
    Remedy:
        More filters and units, or more layers.
    Sources:
        Goodfellow et al., Deep Learning (2016), chapter 11.

    Attributes:
        fitted_accuracy: Training accuracy whose lower bound shows that the model is
            large enough.
        gap: A larger gap between training and validation accuracy is another matter.
        fits: Wider nets are a little better in any case: above this training accuracy
            only a model with a very narrow layer is suspected.
    """

    cause_name: ClassVar[str] = "insufficient_capacity"
    phase: ClassVar[Phase] = Phase.LAST
    fitted_accuracy: float = 0.95
    gap: float = 0.20
    fits: float = 0.85

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        accuracy, capacity = measured.get(Accuracy), measured.get(Capacity)
        clean = accuracy.train_clean.accuracy
        if any(name in measured.confirmed for name in self.cause.explained_by):
            return None
        steps = measured.find(StepSizes)
        if steps is not None and steps.has_no_length:
            return None
        if clean.low > self.fitted_accuracy or accuracy.gap.value > self.gap:
            return None
        if clean.value > self.fits and capacity.narrowest >= NARROW:
            return None
        return Suspicion(
            message=(
                f"{clean.value:.1%} of the training images are learnt, by "
                f"{capacity.parameters:,} weights whose narrowest hidden layer has "
                f"{capacity.narrowest} units"
            ),
            evidence=(
                Evidence(
                    "accuracy on training images",
                    clean,
                    at_most(self.fits).note(
                        f"; or where a layer has fewer than {NARROW} units, the lower "
                        f"bound {self.fitted_accuracy:g} or less"
                    ),
                    "evaluation mode, no augmentation",
                ),
                Evidence(
                    "gap of training and validation images",
                    accuracy.gap,
                    at_most(self.gap).points,
                    "evaluation mode, no augmentation",
                ),
                Evidence(
                    "units of the narrowest hidden layer",
                    float(capacity.narrowest),
                    "",
                    "the model's kernels",
                ),
            ),
            advice="use more filters and units, or more layers",
            intervention=size_or_length.larger(capacity),
            refute="no higher accuracy with four times the units",
        )

    def decide(
        self, suspicion: Suspicion, measured: Measurements, trials: Trials
    ) -> Decision:
        """See base class."""
        del suspicion
        both = size_or_length.decide(measured, trials, frozenset({"size"}))
        return both.decision("size")

    def has_decided(self, trials: Trials) -> bool:
        """See base class."""
        return size_or_length.has_decided(trials, "size")
