"""Batches are not shuffled."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above, below
from framework.diagnose.measure.inputs import BatchOrder
from framework.diagnose.measure.labels import LabelValidity


@dataclasses.dataclass(frozen=True)
class UnshuffledBatches(Check):
    """Compares the classes of a batch with those of shuffled batches.

    Why it matters:
        Batches of one class each pull the weights in opposite directions.
    Evidence:
        The entropy of the labels of a batch, beside that of shuffled labels.
    How it is decided:
        By a trial with a new order in each epoch.
    Remedy:
        Shuffle all training images anew in each epoch.
    Sources:
        A permutation test.

    Attributes:
        z: Standard deviations below shuffled batches: no shuffling in a lifetime gives
            five.
        fraction: Of the entropy of shuffled batches. Of many images a trace of an order
            is significant, but teaches as well: sorted labels keep 0.93 of the entropy
            of ten classes, and 0.89 of two, behind a `tf.data` buffer of half the data.
    """

    cause_name: ClassVar[str] = "unshuffled_batches"
    phase: ClassVar[Phase] = Phase.DATA
    z: float = 5.0
    fraction: float = 0.9

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        if measured.get(LabelValidity).has_illegal:
            return None
        order = measured.get(BatchOrder)
        entropy, shuffled = order.entropy, order.shuffled_entropy
        if order.z <= self.z or entropy >= self.fraction * shuffled:
            return None
        return Suspicion(
            message=(
                f"a batch holds {2**entropy:.1f} classes' worth of labels on average, "
                f"and shuffled ones would hold {2**shuffled:.1f}: images are fed in an "
                f"order"
            ),
            evidence=(
                Evidence(
                    "entropy of the labels of a batch, in bits",
                    entropy,
                    below(self.fraction * shuffled).note(
                        f": {self.fraction:.0%} of that of shuffled ones"
                    ),
                    "the batches of the first epoch",
                ),
                Evidence(
                    "standard deviations below shuffled ones",
                    order.z,
                    above(self.z),
                    f"{order.permutations} permutations of the same labels",
                ),
            ),
            advice=(
                "shuffle all training images anew in each epoch: a buffer of tf.data "
                "as large as the data set, or shuffle=True"
            ),
            intervention=Intervention(shuffle=True),
            refute="no higher accuracy after a run on shuffled images",
        )
