"""Weights are frozen."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.updates import LossGradients


@dataclasses.dataclass(frozen=True)
class FrozenWeights(Check):
    """Looks for weights without a gradient, or declared not trainable.

    Why it matters:
        Random weights that are never trained limit what the others can learn.
    Evidence:
        Weights without a gradient, those of them that outputs depend on, and kernels
        that are declared not trainable.
    How it is decided:
        Weights that outputs depend on, that no gradient has ever come to, decide where
        not even training images are learnt; otherwise a trial that trains all weights.
    Remedy:
        Set trainable=True, and let gradients through.
    Sources:
        `tf.GradientTape`; kernels whose sign is turned.

    Attributes:
        fitted_accuracy: Training accuracy whose lower bound shows that enough weights
            are trained.
    """

    cause_name: ClassVar[str] = "frozen_weights"
    phase: ClassVar[Phase] = Phase.UPDATES
    fitted_accuracy: float = 0.95

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        gradients = measured.get(LossGradients)
        without, fixed = gradients.without_gradient, gradients.fixed
        if not without and not fixed:
            return None
        names = [*without, *fixed]
        what = "the loss does not depend on" if without else "training leaves alone"
        if gradients.untrained:
            what = "outputs depend on, but no gradient has ever come to"
        # What is random stays so, and not even training images are learnt.
        accuracy = measured.get(Accuracy).train_clean.accuracy
        is_fitted = accuracy.low >= self.fitted_accuracy
        return Suspicion(
            is_certain=bool(gradients.untrained) and not is_fitted,
            message=f"{what} {len(names)} weights: {', '.join(names[:4])}",
            evidence=(
                Evidence(
                    "weights without a gradient",
                    float(len(without)),
                    "above 0",
                    "the gradient of the loss at the first weights",
                ),
                Evidence(
                    "those that outputs depend on, beside biases of exactly 0",
                    float(len(gradients.untrained)),
                    "above 0: random, and to stay so",
                    "outputs with the kernel's sign turned",
                ),
                Evidence(
                    "kernels declared not trainable",
                    float(len(fixed)),
                    "above 0; as they should be where they were trained before",
                    "layer.trainable",
                ),
            ),
            advice="set trainable=True, and let gradients through to these layers",
            intervention=Intervention(unfreeze=True),
            refute="no higher accuracy after training these weights",
        )
