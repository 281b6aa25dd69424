"""Training stopped too early."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.checks.training import size_or_length
from framework.diagnose.checks.training.insufficient_capacity import (
    InsufficientCapacity,
)
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import Decision
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements, UnavailableError
from framework.diagnose.core.threshold import above, gain_shown_only
from framework.diagnose.core.trials import Trials
from framework.diagnose.measure.forecast import Forecast
from framework.diagnose.measure.plateau import LEVEL, Plateau
from framework.diagnose.measure.step_sizes import StepSizes

_TWICE = Intervention(train_for_factor=2.0)


@dataclasses.dataclass(frozen=True)
class StoppedTooEarly(Check):
    """Looks for a curve that still rises, or one of a few evaluations.

    Why it matters:
        More of the same is the cheapest remedy.
    Evidence:
        The trend of the last evaluations, and a forecast by the second half of the
        curve.
    How it is decided:
        By trials of a longer training and of a larger model, side by side. The former
        is left out where the curve is flat by the forecast. The training is continued;
        where its schedule would leave less than a tenth of its highest rate, at that
        tenth.
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
        is_long = not rises and plateau.evaluations > self.few
        if is_long and (not _is_small(measured) or _is_flat(measured)):
            return None
        forecast = measured.find(Forecast) if rises else None
        return Suspicion(
            message=(
                f"the run ended after {measured.settings.epochs:g} epochs, with a "
                f"trend of {plateau.change:+.1%} over the last {plateau.window} "
                f"evaluations{_words(forecast)}"
            ),
            evidence=self._evidence(plateau, forecast),
            advice="train longer: the same command resumes the run with these flags, "
            "and --allow_config_change where it is more than --train_for",
            intervention=_TWICE,
            refute="no higher accuracy after longer training",
        )

    def _evidence(
        self, plateau: Plateau, forecast: Forecast | None
    ) -> tuple[Evidence, ...]:
        rise = Evidence(
            "rise over the last evaluations",
            plateau.change,
            above(0.0).points.note(
                f", with p below {LEVEL}; or {self.few} evaluations or fewer; or a "
                "model that may be too small as well"
            ),
            f"Theil and Sen; Mann and Kendall: p = {plateau.p:.2g}",
        )
        if forecast is None:
            return (rise,)
        gain = Evidence(
            "forecast of the gain of training twice as long",
            forecast.gain,
            gain_shown_only().note(
                "shown only; no other cause of training is confirmed by less"
            ),
            f"as the second half of the run has risen, by {forecast.evaluations} "
            f"evaluations; curves bend downwards",
        )
        return rise, gain

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
    """Returns whether the model may be too small as well, as far as that is known."""
    try:
        return InsufficientCapacity().suspect(measured) is not None
    except UnavailableError:
        return False


def _is_flat(measured: Measurements) -> bool:
    """Returns whether more of the same would not help as much as is asked for.

    The curve says so only where the learning rate has not fallen to nothing.
    """
    forecast, steps = measured.find(Forecast), measured.find(StepSizes)
    if forecast is None or steps is None or steps.is_annealed or steps.has_fallen:
        return False
    return forecast.gain.high < size_or_length.ENOUGH


def _words(forecast: Forecast | None) -> str:
    """Returns a forecast as the end of a sentence."""
    if forecast is None:
        return ""
    gain = forecast.gain
    return (
        f"; as it has risen, twice as many would give {100 * gain.value:+.1f} points "
        f"({100 * gain.low:.1f} to {100 * gain.high:.1f})"
    )
