"""The loss is scaled wrongly."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.measure.updates import RateResponse, UpdateVectors


@dataclasses.dataclass(frozen=True)
class ReplicaScaling(Check):
    """Compares the norm of the applied gradient with that of the loss's gradient.

    Why it matters:
        Losses that are divided by the batch of one replica, or summed, change the
        learning rate by the number of devices.
    Evidence:
        The ratio of both lengths for two batches.
    How it is decided:
        By a trial of Keras's own step.
    Remedy:
        Divide the sum of the losses by the global batch size.
    Sources:
        `tf.nn.compute_average_loss`.

    Attributes:
        same_direction: The least cosine of two gradients that are multiples of another.
        constant: The largest relative difference of the ratio between two batches.
        scaled: The least |log| of the ratio; dropout makes gradients differ by less.
        slow_enough: See `LearningRateFrozen`: a step that does not follow the rate
            says nothing about its scale.
    """

    cause_name: ClassVar[str] = "replica_scaling"
    phase: ClassVar[Phase] = Phase.UPDATES
    same_direction: float = 0.9
    constant: float = 0.02
    scaled: float = 0.3
    slow_enough: float = 0.5

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        updates = measured.get(UpdateVectors)
        response = measured.find(RateResponse)
        if response is not None and response.slower > self.slow_enough:
            return None
        if len(updates.scales) < 2 or min(updates.cosines) < self.same_direction:
            return None
        low, high = min(updates.scales), max(updates.scales)
        if high - low > self.constant * high:
            return None
        if abs(math.log(max(high, 1e-12))) < self.scaled:
            return None
        return Suspicion(
            message=(
                f"each step uses {high:.3g} times the gradient of the mean loss: "
                f"losses are divided by the wrong number, such as that of one replica"
            ),
            evidence=(
                Evidence(
                    "gradient that is used, in gradients of the mean loss",
                    high,
                    "the same for two batches, and not 1",
                    "two steps of the program's own from the first weights",
                ),
            ),
            advice=(
                "divide the sum of the losses by the global batch size: "
                "tf.nn.compute_average_loss(losses, global_batch_size=...)"
            ),
            intervention=Intervention(keras_step=True),
            code=("loss = tf.nn.compute_average_loss(losses, global_batch_size=size)",),
            refute="a ratio of 1, with dropout off",
        )
