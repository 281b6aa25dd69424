"""Evaluation uses stale weights."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.checks.evaluation import other_weights
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import MINIMUM_GAIN, is_gain, threshold
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.measure.reported import LiveWeights, ReportedMetrics


@dataclasses.dataclass(frozen=True)
class StaleEvaluationWeights(Check):
    """Evaluates the weights in training beside those that are evaluated.

    Why it matters:
        An average of weights with too long a memory, or a copy that is never updated,
        keeps accuracy flat while the model learns.
    Evidence:
        The accuracy of both, on the same images.
    How it is decided:
        By that accuracy; or by a reported accuracy and loss that are both worse than
        those of the trained weights.
    Remedy:
        Evaluate the weights in training, or shorten the memory of the average.
    Sources:
        `keras.optimizers.Optimizer(use_ema=True)`.
    """

    cause_name: ClassVar[str] = "stale_evaluation_weights"
    phase: ClassVar[Phase] = Phase.EVALUATION

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        weights = measured.get(LiveWeights)
        metrics = measured.get(ReportedMetrics)
        gain = weights.gain
        if is_gain(gain):
            message = (
                f"the weights that are evaluated are right in {weights.evaluated:.1%}, "
                f"those that are trained in {weights.live:.1%}"
            )
        elif other_weights.are_reported(metrics):
            if other_weights.are_in_training_mode(measured, metrics):
                return None
            gain = other_weights.shortfall(metrics)
            message = (
                f"the evaluation reports an accuracy of {metrics.accuracy:.1%} and a "
                f"loss of {metrics.loss:.3g}; the trained weights have "
                f"{metrics.counted_accuracy:.1%} and {metrics.counted_loss:.3g}: it "
                f"evaluates other weights"
            )
        else:
            return None
        settings = measured.settings.config
        has_average = settings is not None and settings.ema > 0
        return Suspicion(
            is_certain=True,
            message=message,
            evidence=(
                Evidence(
                    "accuracy of the trained weights, above that of the evaluated ones",
                    gain,
                    threshold(MINIMUM_GAIN),
                    "both predict the same images",
                ),
            ),
            advice=(
                "evaluate the weights that are trained; an average of weights needs a "
                "decay whose memory, 1 / (1 - decay) steps, is far shorter than the run"
                + (" (--ema=0 is without)" if has_average else "")
            ),
            code=("model.optimizer.use_ema = False",),
            refute="no higher accuracy of the trained weights",
            cost=gain,
        )
