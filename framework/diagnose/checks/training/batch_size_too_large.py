"""The batch size is too large."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import at_least, at_most
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.step_sizes import StepSizes


@dataclasses.dataclass(frozen=True)
class BatchSizeTooLarge(Check):
    """Counts the steps that large batches leave.

    Why it matters:
        With all images in a few batches, a run has few steps, however many epochs.
    Evidence:
        The steps of the whole run.
    How it is decided:
        By a trial with an eighth of the batch.
    Remedy:
        Smaller batches: more steps an epoch.
    Sources:
        Keskar et al. (2017).

    Attributes:
        few_steps: The number of steps up to which a run has few: the shortest trial has
            as many.
        fraction: Of all images in a batch, from where on it is large,
        large: or this many images.
        usual: The size up to which no batch is large: Keras's default.
        fitted_accuracy: Training accuracy whose lower bound shows that steps were
            enough.
    """

    cause_name: ClassVar[str] = "batch_size_too_large"
    phase: ClassVar[Phase] = Phase.TRAINING
    few_steps: int = 300
    fraction: float = 0.25
    large: int = 512
    usual: int = 32
    fitted_accuracy: float = 0.95

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        settings, steps = measured.settings, measured.get(StepSizes).steps
        size = settings.batch_size
        fraction = size / settings.train_images
        is_large = fraction >= self.fraction or size >= self.large
        accuracy = measured.get(Accuracy).train_clean.accuracy
        is_fitted = accuracy.low > self.fitted_accuracy
        if steps > self.few_steps or not is_large or size <= self.usual or is_fitted:
            return None
        return Suspicion(
            message=(
                f"a batch has {size} images, {fraction:.0%} of all: in "
                f"{settings.epochs:g} epochs there are {steps} steps only"
            ),
            evidence=(
                Evidence(
                    "steps of the whole run",
                    float(steps),
                    at_most(self.few_steps),
                    "the shortest trial has as many",
                ),
                Evidence(
                    "fraction of all images in a batch",
                    fraction,
                    at_least(self.fraction).note(
                        f"; or {self.large} images or more; and more than {self.usual} "
                        "images"
                    ),
                    "Keskar et al., 2017; Keras's default",
                ),
            ),
            advice="make the batch eight times smaller: more steps an epoch",
            intervention=Intervention(batch_size_factor=1 / 8),
            refute="no higher accuracy after training with an eighth of the batch",
        )
