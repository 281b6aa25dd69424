"""Loss and outputs do not match."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above, below
from framework.diagnose.measure.loss_probe import LossProbe, OutputProbe


@dataclasses.dataclass(frozen=True)
class LossOutputMismatch(Check):
    """Probes the loss with made-up outputs, and the outputs with batches of one.

    Why it matters:
        A loss that takes probabilities for logits cannot fall, and its gradient
        vanishes.
    Evidence:
        The losses of right, equal and wrong outputs, and of a batch twice.
    How it is decided:
        Too few outputs, and a softmax of one, are arithmetic; otherwise by a trial of
        logits with mean cross-entropy.
    Remedy:
        One logit a class, and SparseCategoricalCrossentropy(from_logits=True).
    Sources:
        Closed forms of cross-entropy.

    Attributes:
        floor: The least loss of any outputs as a fraction of that of equal ones. Double
            softmax cannot go below ln(1 + (K - 1) / e): .45 of ln 2 for two classes,
            .63 for ten; label smoothing of .1 leaves .2 to .3.
        penalty: Certain and wrong costs this many times as much as equal outputs, of
            cross-entropy 7 with probabilities cut at 1e-7; of squared errors 2, of
            absolute ones 1.
        double: Of twice the same batch a mean is the same, and a sum twice as large.
        same: Outputs that differ by more depend on the others in their batch.
        cut: A softmax comes to 0 in float32 now and then, a ReLU in half of its
            outputs.
        softened: A softmax of probabilities that learns comes this near to both of its
            bounds; other outputs are within only where nothing is learnt.
    """

    cause_name: ClassVar[str] = "loss_output_mismatch"
    phase: ClassVar[Phase] = Phase.TRAINING
    floor: float = 0.4
    penalty: float = 3.0
    double: float = 1.5
    same: float = 1e-3
    cut: float = 0.1
    softened: float = 0.75

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        outputs, loss = measured.get(OutputProbe), measured.find(LossProbe)
        reasons = []
        too_few = outputs.classes > max(outputs.units, 2)
        if too_few:
            reasons.append(
                f"{outputs.units} outputs cannot tell {outputs.classes} classes apart"
            )
        if outputs.is_constant:
            reasons.append(
                "the only output is the same for all images: a softmax of one"
            )
        if outputs.cut > self.cut:
            reasons.append(f"{outputs.cut:.0%} of the outputs are cut off at 0")
        if (outputs.softened or 0.0) > self.softened:
            bound = math.e / (math.e + outputs.units - 1)
            reasons.append(
                f"no output is above {bound:.3f}, the most that a softmax of "
                f"probabilities gives: softmax is applied twice"
            )
        if outputs.batch_dependence > self.same:
            reasons.append("the outputs for an image depend on the others in its batch")
        if loss is not None:
            reasons += self._reasons(loss)
        if not reasons:
            return None
        return Suspicion(
            is_certain=too_few or outputs.is_softmax_of_one,
            message="; ".join(reasons),
            evidence=self._evidence(outputs, loss),
            advice=(
                "return one logit a class, without softmax or sigmoid, and train with "
                "the mean of SparseCategoricalCrossentropy(from_logits=True)"
            ),
            intervention=Intervention(consistent_loss=True),
            code=_more_outputs(outputs.classes) if too_few else (),
            refute="no higher accuracy after training with consistent cross-entropy",
        )

    def _reasons(self, loss: LossProbe) -> list[str]:
        right, equal, wrong = loss.right, loss.equal, loss.wrong
        if not all(map(math.isfinite, (right, equal, wrong))):
            return ["the loss of outputs that are certain is not finite"]
        reasons = []
        if not right < equal < wrong:
            reasons.append(
                "the loss does not grow from right over undecided to wrong outputs"
            )
        elif right > self.floor * equal:
            reasons.append(
                f"the loss cannot fall below {right:.4g}, where undecided outputs have "
                f"{equal:.4g}: it takes for logits what are probabilities already"
            )
        elif wrong < self.penalty * equal:
            reasons.append(
                f"certain and wrong costs {wrong:.3g}, undecided {equal:.3g}: it is no "
                f"cross-entropy, and its gradient vanishes where outputs are wrong"
            )
        if loss.twice > self.double:
            reasons.append("the loss is a sum over the batch, not a mean")
        return reasons

    def _evidence(
        self, outputs: OutputProbe, loss: LossProbe | None
    ) -> tuple[Evidence, ...]:
        if outputs.softened is not None:
            return (
                Evidence(
                    "nearness of the outputs to the bounds of a double softmax",
                    outputs.softened,
                    above(self.softened).note("; 1 at both bounds"),
                    "predictions of training images",
                ),
            )
        if loss is None:
            return (
                Evidence(
                    "outputs",
                    float(outputs.units),
                    f"fewer than {outputs.classes} classes, or always the same",
                    "predictions of training images",
                ),
            )
        return (
            Evidence(
                "least loss of right outputs",
                loss.right,
                above(self.floor * loss.equal).note(
                    f": {self.floor} of that of undecided ones"
                ),
                "outputs made up; double softmax has .45 to .63 of it",
            ),
            Evidence(
                "loss of certain, wrong outputs",
                loss.wrong,
                below(self.penalty * loss.equal).note(
                    f": {self.penalty:g} times that of undecided ones"
                ),
                "outputs made up; cross-entropy has 7 times as much",
            ),
            Evidence(
                "loss of a batch twice, in losses of the batch",
                loss.twice,
                above(self.double),
                "a mean has 1",
            ),
        )


def _more_outputs(classes: int) -> tuple[str, ...]:
    return (
        f"outputs = keras.layers.Dense({classes})(model.layers[-1].input)",
        "model = keras.Model(model.inputs, outputs)",
        "optimizer = type(optimizer).from_config(config)",
        "model.compile(optimizer, loss, metrics=['accuracy'])",
    )
