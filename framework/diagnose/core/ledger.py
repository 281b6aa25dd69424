"""The record of each trial, and the evidence that it gives."""

from __future__ import annotations

import dataclasses
from typing import Any

from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.program import TrialResult
from framework.diagnose.core.threshold import Threshold, above
from framework.numerics.intervals import Estimate


@dataclasses.dataclass(frozen=True)
class TrialRecord:
    """One line of the ledger.

    Attributes:
        name: Of the trial.
        epochs: Its length, in epochs of the original training.
        seconds: How long it took.
        gain: In validation accuracy, against what was reached before it; None if it
            was not measured.
        problem: Why it was not measured; "" if it was.
    """

    name: str
    epochs: float
    seconds: float
    gain: Estimate | None
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """Returns a JSON value."""
        return {
            "name": self.name,
            "epochs": self.epochs,
            "seconds": round(self.seconds, 1),
            "gain": self.gain and self.gain.value,
            "gain_interval": self.gain and [self.gain.low, self.gain.high],
            "problem": self.problem,
        }


def gain_evidence(
    gain: Estimate, limit: Threshold, result: TrialResult, seeds: int = 1
) -> Evidence:
    """Returns the gain of a trial as evidence.

    Args:
        gain: In validation accuracy.
        limit: From where on it supports a cause.
        result: Of the trial.
        seeds: The number of seeds that the gain is the mean of.
    """
    source = f"trained anew for {result.epochs:.3g} epochs"
    if seeds > 1:
        source += f" with {seeds} seeds"
    if result.was_stopped:
        source += ", ended there since it is certain to be too little"
    if result.has_diverged:
        source += ", where numbers became infinite or NaN"
    return Evidence(
        "gain in validation accuracy of the trial",
        gain,
        limit,
        f"{source}, against the run's end",
    )


def seed_evidence(first: Estimate, second: Estimate) -> Evidence:
    """Returns the gains of a trial with one seed and another as evidence."""
    return Evidence(
        "the gain with another seed",
        second,
        above(0.0).points.note(": seeds that disagree in sign confirm nothing"),
        f"the first seed has {first}",
    )
