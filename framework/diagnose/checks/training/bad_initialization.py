"""Initial weights are bad."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above, below
from framework.diagnose.measure.initial_weights import InitialWeights


@dataclasses.dataclass(frozen=True)
class BadInitialization(Check):
    """Measures the spread of the initial kernels, and the growth of signals.

    Why it matters:
        Constant kernels make all units of a layer equal; too small or large ones make
        signals vanish or explode.
    Evidence:
        The least and the largest standard deviation of a kernel, in that which keeps
        signals of one size; the growth through the hidden layers.
    How it is decided:
        By a trial from weights of the usual size.
    Remedy:
        He's or Glorot's rule; biases of 0.
    Sources:
        Glorot & Bengio (2010) have 0.8 or so, He et al. (2015) 1.2.

    Attributes:
        low: The least spread; a last layer of zeros is a choice, and a good one.
        high: The largest spread.
        growth: Signals that grow by more through the hidden layers; He's rule keeps
            them of one size.
        constant: The spread below which all units of a layer are equal.
    """

    cause_name: ClassVar[str] = "bad_initialization"
    phase: ClassVar[Phase] = Phase.TRAINING
    low: float = 0.1
    high: float = 4.0
    growth: float = 10.0
    constant: float = 1e-6

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        weights = measured.get(InitialWeights)
        spreads, growth = weights.spreads, weights.growth
        hidden = dict(list(spreads.items())[:-1]) or spreads
        low = min(hidden.values(), default=1.0)
        high = max(spreads.values(), default=1.0)
        if low >= self.low and high <= self.high and not growth > self.growth:
            return None
        are_equal = ": all units of a layer are equal" if low < self.constant else ""
        return Suspicion(
            message=(
                f"initial kernels have from {low:.3g} to {high:.3g} times the spread "
                f"that keeps signals of one size from layer to layer, which grow "
                f"{growth:.3g}-fold through the hidden layers{are_equal}"
            ),
            evidence=(
                Evidence(
                    "smallest spread of a kernel, in sqrt(1.5 / fan-in)",
                    low,
                    below(self.low),
                    "Glorot & Bengio (2010) have 0.8 or so, He et al. (2015) 1.2",
                ),
                Evidence(
                    "largest spread of a kernel",
                    high,
                    above(self.high),
                    "as above",
                ),
                Evidence(
                    "spread after the hidden layers, in that of the first",
                    growth,
                    above(self.growth),
                    "before the first step",
                ),
            ),
            advice="draw kernels by He's or Glorot's rule, and set biases to 0",
            intervention=Intervention(reinitialize=True),
            refute="no higher accuracy after training from such weights",
        )
