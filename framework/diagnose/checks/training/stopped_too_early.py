"""Training stopped too early."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.checks.training import size_or_length
from framework.diagnose.checks.training.insufficient_capacity import (
    InsufficientCapacity,
)
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.trials import Decision, Trials
from framework.diagnose.measure.plateau import Plateau


@dataclasses.dataclass(frozen=True)
class StoppedTooEarly(Check):
    """Looks for a curve that still rises, or one of a few evaluations.

    Why it matters:
        More of the same is the cheapest remedy.
    Evidence:
        The trend of the last evaluations.
    How it is decided:
        By trials of a longer training and of a larger model, side by side.
    Remedy:
        Train longer.
    Sources:
        Theil (1950), Sen (1968); Mann (1945), Kendall (1975).

    Attributes:
        few: With this many evaluations or fewer there is no curve to judge by.
    """

    cause_name: ClassVar[str] = "stopped_too_early"
    phase: ClassVar[Phase] = Phase.LAST
    few: int = 4

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        plateau = measured.get(Plateau)
        rises = plateau.verdict == "improving"
        if not rises and plateau.evaluations > self.few and not _is_small(measured):
            return None
        epochs = measured.settings.epochs
        return Suspicion(
            message=(
                f"the run ended after {epochs:g} epochs, with a trend of "
                f"{plateau.change:+.1%} over the last {plateau.window} evaluations"
            ),
            evidence=(
                Evidence(
                    "rise over the last evaluations",
                    plateau.change,
                    f"p = {plateau.p:.2g}, below 0.05",
                    "Theil and Sen, Mann and Kendall",
                ),
            ),
            advice="train longer",
            code=(f"model.fit(x_train, y_train, epochs={max(round(4 * epochs), 2)})",),
            refute="no higher accuracy after longer training",
        )

    def decide(
        self, suspicion: Suspicion, measured: Measurements, trials: Trials
    ) -> Decision:
        """See base class."""
        del suspicion
        suspected = {"length"} | ({"size"} if _is_small(measured) else set())
        both = size_or_length.decide(measured, trials, frozenset(suspected))
        return both.decision("length")

    def has_decided(self, trials: Trials) -> bool:
        """See base class."""
        return size_or_length.has_decided(trials, "length")


def _is_small(measured: Measurements) -> bool:
    """Returns whether the model may be too small as well."""
    return InsufficientCapacity().suspect(measured) is not None
