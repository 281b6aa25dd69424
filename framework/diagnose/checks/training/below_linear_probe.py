"""Training learns less than a linear probe."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import MINIMUM_GAIN
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import surely_above
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.loop_behaviour import LinearReference


@dataclasses.dataclass(frozen=True)
class BelowLinearProbe(Check):
    """Compares a loop that is not seen into with a linear probe of the same images.

    Why it matters:
        What a linear probe learns is in the data. A network that learns less of it is
        trained wrongly, whatever its loss says.
    Evidence:
        The accuracy of a ridge regression on untrained image features, and that of the
        loop, on the same validation images.
    How it is decided:
        By their difference, unless the loop has learnt its training images as well as
        the probe predicts others: then it trains, and does not generalize. It does not
        say why; a cause that costs accuracy for certain takes it back.
    Remedy:
        Look for what makes steps not follow the loss; one thing after the other.
    Sources:
        Alain and Bengio (2016), linear classifier probes.

    Attributes:
        minimum: The least difference, the lower bound of its interval: that of a gain
            that counts.
    """

    cause_name: ClassVar[str] = "below_linear_probe"
    phase: ClassVar[Phase] = Phase.LAST
    minimum: float = MINIMUM_GAIN

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        reference = measured.get(LinearReference)
        if reference.gain.low <= self.minimum or has_learnt(measured, reference):
            return None
        points = 100 * reference.gain.value
        return Suspicion(
            is_certain=True,
            message=(
                f"cannot tell why: the loop has {reference.own:.1%} of the validation "
                f"images right, and a linear probe {reference.linear:.1%}, "
                f"{points:.0f} points more: these can be learnt, and the loop does not"
            ),
            evidence=(
                Evidence(
                    "accuracy of a linear probe, less that of the loop",
                    reference.gain,
                    surely_above(self.minimum).points,
                    f"ridge regression on untrained features; {reference.images:,} "
                    f"validation images",
                ),
            ),
            advice=(
                "check by hand that labels and outputs have the same shape in the loss "
                "([B] against [B, 1] gives [B, B]), that the loss takes what the model "
                "returns (logits or probabilities), that gradients are those of the "
                "model's own weights and are applied once a batch, that the learning "
                "rate acts, and that train() is long enough"
            ),
            code=(
                "# In the step: [B] against [B, 1] gives [B, B].",
                "print(labels.shape, outputs.shape)",
            ),
            refute="a longer training of the same loop that passes the probe",
            cost=reference.gain,
        )


def has_learnt(measured: Measurements, reference: LinearReference) -> bool:
    """Returns whether training images are learnt as well as a probe predicts others."""
    return measured.get(Accuracy).train_clean.accuracy.high >= reference.linear
