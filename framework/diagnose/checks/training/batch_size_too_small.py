"""The batch size is too small."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import below
from framework.diagnose.measure.accuracy import Accuracy


@dataclasses.dataclass(frozen=True)
class BatchSizeTooSmall(Check):
    """Looks at batches of a few images.

    Why it matters:
        A step that single images decide about is mostly noise; batch norm has no
        moments of them.
    Evidence:
        The images in a batch.
    How it is decided:
        By a trial with sixteen times the batch.
    Remedy:
        A batch sixteen times larger.
    Sources:
        Masters & Luschi (2018) find batches from 2 to 32 best, with a rate that fits.

    Attributes:
        small: The size below which a batch is small: a quarter of Keras's default.
        fitted_accuracy: Training accuracy whose lower bound shows that noise was no
            hindrance.
    """

    cause_name: ClassVar[str] = "batch_size_too_small"
    phase: ClassVar[Phase] = Phase.TRAINING
    small: int = 8
    fitted_accuracy: float = 0.95

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        size = measured.settings.batch_size
        accuracy = measured.get(Accuracy).train_clean.accuracy
        is_fitted = accuracy.low > self.fitted_accuracy
        if size >= self.small or is_fitted:
            return None
        return Suspicion(
            message=f"a batch has {size} image(s): steps are mostly noise",
            evidence=(
                Evidence(
                    "images in a batch",
                    float(size),
                    below(self.small),
                    "a quarter of Keras's default",
                ),
            ),
            advice="make the batch sixteen times larger",
            intervention=Intervention(batch_size_factor=16.0),
            refute="no higher accuracy after training with sixteen times the batch",
        )
