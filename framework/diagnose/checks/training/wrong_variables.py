"""Steps update the wrong variables."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.measure.updates import LossGradients, UpdateVectors


@dataclasses.dataclass(frozen=True)
class WrongVariables(Check):
    """Compares the program's own step with the gradient of its loss.

    Why it matters:
        A step that leaves weights alone, or moves them uphill, cannot learn.
    Evidence:
        Weights with a gradient that two steps do not move; the cosine of the update and
        the downhill direction.
    How it is decided:
        By a trial of Keras's own step.
    Remedy:
        Take gradients by model.trainable_variables, and apply all of them.
    Sources:
        `keras.Model.train_step`.

    Attributes:
        uphill: The cosine below which a step goes up the gradient.
    """

    cause_name: ClassVar[str] = "wrong_variables"
    phase: ClassVar[Phase] = Phase.UPDATES
    uphill: float = -0.5

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        updates, gradients = measured.get(UpdateVectors), measured.get(LossGradients)
        unmoved, cosines = updates.unmoved, updates.cosines
        if unmoved:
            message = (
                f"a training step does not move {len(unmoved)} of "
                f"{len(gradients.norms)} weights that the loss depends on: "
                f"{', '.join(unmoved[:4])}"
            )
        elif cosines and max(cosines) < self.uphill:
            message = "a training step moves the weights up the gradient, not down"
        else:
            return None
        return Suspicion(
            message=message,
            evidence=(
                Evidence(
                    "weights with a gradient that a step does not move",
                    float(len(unmoved)),
                    "above 0",
                    "one step of the program's own from the first weights",
                ),
                Evidence(
                    "cosine of update and downhill direction",
                    float(min(cosines, default=1.0)),
                    f"below {self.uphill}",
                    "the same step",
                ),
            ),
            advice=(
                "take gradients by model.trainable_variables, and hand all of them to "
                "optimizer.apply_gradients"
            ),
            intervention=Intervention(keras_step=True),
            code=(
                "gradients = tape.gradient(loss, model.trainable_variables)",
                "model.optimizer.apply(gradients, model.trainable_variables)",
            ),
            refute="a step after which each of these weights has changed",
        )
