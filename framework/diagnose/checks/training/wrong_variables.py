"""Steps do not follow the gradient of the loss."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above, below, surely_below
from framework.diagnose.measure.step_agreement import StepAgreement
from framework.diagnose.measure.updates import LossGradients, UpdateVectors

_ADVICE = (
    "take gradients by model.trainable_variables, and hand all of them to "
    "optimizer.apply_gradients"
)
_LOSS_ADVICE = (
    "compute the loss of train_step by model.compute_loss, or compare it with that: "
    "equal shapes of labels and outputs, the axis of the classes, and every term"
)


@dataclasses.dataclass(frozen=True)
class WrongVariables(Check):
    """Compares the program's own step with the gradient of its loss.

    Why it matters:
        A step that leaves weights alone, moves them uphill, or follows another loss
        than the compiled one, does not learn what is evaluated.
    Evidence:
        Weights with a gradient that two steps do not move; the cosine of the update and
        the downhill direction; the cosine of the step's gradient and the compiled
        loss's, without the noise of dropout and the like.
    How it is decided:
        By a trial of Keras's own step. An auxiliary loss, or classes that are weighted,
        disagree as well; there the trial gains nothing.
    Remedy:
        Take gradients of the compiled loss by model.trainable_variables, and apply all
        of them.
    Sources:
        `keras.Model.train_step`; cosines of gradients as in Du et al. (2018), "Adapting
        auxiliary losses using gradient similarity".

    Attributes:
        uphill: The cosine below which a step goes up the gradient.
        agreement: The upper bound of the cosine of gradients below which a step follows
            another loss.
    """

    cause_name: ClassVar[str] = "wrong_variables"
    phase: ClassVar[Phase] = Phase.UPDATES
    uphill: float = -0.5
    agreement: float = 0.9

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
            return self._other_loss(measured.find(StepAgreement))
        return Suspicion(
            message=message,
            evidence=(
                Evidence(
                    "weights with a gradient that a step does not move",
                    float(len(unmoved)),
                    above(0.0),
                    "one step of the program's own from the first weights",
                ),
                Evidence(
                    "cosine of update and downhill direction",
                    float(min(cosines, default=1.0)),
                    below(self.uphill),
                    "the same step",
                ),
            ),
            advice=_ADVICE,
            intervention=Intervention(keras_step=True),
            code=(
                "gradients = tape.gradient(loss, model.trainable_variables)",
                "model.optimizer.apply(gradients, model.trainable_variables)",
            ),
            refute="a step after which each of these weights has changed",
        )

    def _other_loss(self, agreement: StepAgreement | None) -> Suspicion | None:
        if agreement is None or agreement.lowest.high >= self.agreement:
            return None
        lowest = agreement.lowest
        evidence = tuple(
            Evidence(
                f"cosine of {what} and the compiled loss's, at the {place} weights",
                cosine,
                surely_below(self.agreement),
                "four batches with labels permuted; noise of draws corrected for",
            )
            for what, cosines in (
                ("the gradient of the step", agreement.cosines),
                ("its change with the labels", agreement.responses),
            )
            for place, cosine in cosines.items()
        )
        return Suspicion(
            message=(
                f"the training step follows another loss than the compiled one: the "
                f"cosine between both gradients is {lowest.value:.2f} "
                f"({lowest.low:.2f} to {lowest.high:.2f})"
            ),
            evidence=evidence,
            advice=_LOSS_ADVICE,
            intervention=Intervention(keras_step=True),
            code=("loss = model.compute_loss(x, y, model(x, training=True))",),
            refute="a cosine of 1, or Keras's own step that ends no higher",
        )
