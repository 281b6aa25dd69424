"""Gradients vanish."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import below
from framework.diagnose.measure.initial_weights import InitialWeights
from framework.diagnose.measure.regularization import Activations


@dataclasses.dataclass(frozen=True)
class VanishingGradients(Check):
    """Compares the gradients of the first and the last layer before the first step.

    Why it matters:
        Layers without a gradient stay as they were drawn.
    Evidence:
        The gradient of the first layer in that of the last, and the number of hidden
        layers that saturate.
    How it is decided:
        By a trial with ReLU and He's initial weights.
    Remedy:
        ReLU, batch norm, or residual connections.
    Sources:
        AUTOTRAINER (Zhang et al., ICSE 2021).

    Attributes:
        vanished: The ratio below which the gradient has vanished; AUTOTRAINER's.
        small: The norm below which it has vanished as well.
        deep: With this many saturating hidden layers,
        deep_ratio: this ratio is enough.
    """

    cause_name: ClassVar[str] = "vanishing_gradients"
    phase: ClassVar[Phase] = Phase.TRAINING
    vanished: float = 1e-3
    small: float = 1e-4
    deep: int = 3
    deep_ratio: float = 0.1

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        norms = measured.get(InitialWeights).gradient_norms
        layers = measured.get(Activations)
        if len(norms) < 3:
            return None
        ratio = norms[0] / max(norms[-1], 1e-30)
        is_deep = layers.saturating >= self.deep and ratio < self.deep_ratio
        has_vanished = ratio < self.vanished or norms[0] < self.small
        # Units of a softmax compete, whatever the gradient is.
        if not (has_vanished or layers.softmax > 0 or is_deep):
            return None
        return Suspicion(
            message=(
                f"at the first step the first layer has a gradient of {norms[0]:.2g}, "
                f"{ratio:.2g} times that of the last; {layers.saturating} hidden "
                f"layers saturate, {layers.softmax} of them a softmax"
            ),
            evidence=(
                Evidence(
                    "gradient of the first layer, in that of the last",
                    ratio,
                    below(self.vanished).note(
                        f"; or {self.deep_ratio} where three layers saturate, or a "
                        "softmax"
                    ),
                    "AUTOTRAINER, ICSE 2021; before the first step",
                ),
            ),
            advice=(
                "use ReLU with He's initial weights, batch norm, or residual "
                "connections"
            ),
            intervention=Intervention(reinitialize=True, activation="relu"),
            refute="no higher accuracy with ReLU and He's initial weights",
        )
