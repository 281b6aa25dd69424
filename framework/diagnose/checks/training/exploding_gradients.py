"""Gradients explode."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above
from framework.diagnose.measure.initial_weights import InitialWeights


@dataclasses.dataclass(frozen=True)
class ExplodingGradients(Check):
    """Measures the gradients of the kernels before the first step.

    Why it matters:
        Huge gradients throw the weights away at the first step.
    Evidence:
        The largest norm of a kernel's gradient.
    How it is decided:
        By a trial with clipped gradients.
    Remedy:
        Clip the global norm, or add batch norm.
    Sources:
        Pascanu et al. (2013).

    Attributes:
        exploded: The norm from where on; healthy nets have .1 to 10 at their first
            step.
    """

    cause_name: ClassVar[str] = "exploding_gradients"
    phase: ClassVar[Phase] = Phase.TRAINING
    exploded: float = 100.0

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        norms = measured.get(InitialWeights).gradient_norms
        # NumPy's maximum is NaN if one of them is.
        largest = float(np.max(norms, initial=0.0))
        if largest < self.exploded:
            return None
        return Suspicion(
            message=f"at the first step a layer has a gradient of {largest:.3g}",
            evidence=(
                Evidence(
                    "largest gradient of a layer",
                    largest,
                    above(self.exploded),
                    "before the first step; healthy nets have 0.1 to 10",
                ),
            ),
            advice="clip the norm of the gradient, or add batch norm",
            intervention=Intervention(clip_norm=1.0),
            refute="no higher accuracy after training with clipped gradients",
        )
