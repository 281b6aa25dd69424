"""Weights cancel examples."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import at_least, below
from framework.diagnose.measure.example_weights import ExampleWeights

_SOURCE = "by definition: a weight is a number of 0 or more, and one is above 0"


@dataclasses.dataclass(frozen=True)
class ExampleWeightsCancel(Check):
    """Looks for weights that are none, or that leave examples out.

    Why it matters:
        The loss of each example is multiplied by its weight. NaN ends training, a
        negative weight teaches the opposite, and 0 leaves the example out.
    Evidence:
        Counts of weights that are not finite, negative or 0; the classes that they
        leave out; and the effective number of examples.
    How it is decided:
        Illegal weights by counting; weights that leave classes or most examples out by
        a trial without weights.
    Remedy:
        Train without weights, or mend what makes them.
    Sources:
        Keras, `Model.fit`, sample_weight and class_weight; Kish (1965), Survey
        Sampling, on the effective number of examples.

    Attributes:
        effective: Effective fraction of the examples below which they are tried without
            weights: with a tenth of the examples, standard errors are more than three
            times as large.
    """

    cause_name: ClassVar[str] = "example_weights"
    phase: ClassVar[Phase] = Phase.DATA
    effective: float = 0.1

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        weights = measured.get(ExampleWeights)
        is_illegal = weights.not_finite or weights.negative or not weights.effective
        reasons = [
            f"{count:,} of {weights.examples:,} weights of training examples {what}"
            for count, what in (
                (weights.not_finite, "are not finite"),
                (weights.negative, "are negative"),
            )
            if count
        ]
        if weights.zero == weights.examples:
            reasons.append("the weights of all training examples are 0")
        if weights.cancelled:
            reasons.append(
                f"weights leave out {weights.cancelled_names}: "
                f"{weights.cancelled_examples:.1%} of the training examples"
            )
        if not reasons and weights.effective < self.effective:
            reasons.append(
                f"weighted as they are, training examples count as "
                f"{weights.effective:.1%} of their number"
            )
        if not reasons:
            return None
        return Suspicion(
            is_certain=bool(is_illegal),
            message="; ".join(reasons),
            evidence=self._evidence(weights),
            advice=(
                "train without weights, or mend what makes them: each must be finite, "
                "0 or more, and each class needs some that are above 0"
            ),
            intervention=Intervention(unweighted=True),
            refute="no higher accuracy after a run without sample_weight and "
            "class_weight",
        )

    def _evidence(self, weights: ExampleWeights) -> tuple[Evidence, ...]:
        return (
            Evidence(
                "weights that are not finite",
                float(weights.not_finite),
                at_least(1),
                _SOURCE,
            ),
            Evidence("weights below 0", float(weights.negative), at_least(1), _SOURCE),
            Evidence(
                "classes with next to no weight",
                float(weights.cancelled),
                at_least(1),
                "share of all weights below a hundredth of the share of examples",
            ),
            Evidence(
                "effective fraction of the examples",
                weights.effective,
                below(self.effective),
                "Kish: (sum w)^2 / (N sum w^2)",
            ),
        )
