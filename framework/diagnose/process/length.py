"""A run that was stopped while it was getting better."""

from __future__ import annotations

from typing import Any

from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.repair import Repairs, is_gain


def stopped_too_early(measures: Measures) -> Finding | None:
    """Fires where accuracy was still rising at the end."""
    gate = measures["gate"]
    if gate.verdict != "improving" and gate.evaluations > 4:
        return None
    gain = measures.get("length/gain")
    status = "suspected"
    if gain is not None:
        enough = is_gain(gain, measures["length/floor"])
        status = "confirmed" if enough else "falsified"
    return Finding(
        cause="stopped_too_early",
        status=status,
        message=f"the run ended after {measures['settings']['epochs']:g} epochs, while "
        f"accuracy was rising: {gate.change:+.1%} over the last {gate.window} "
        f"evaluations",
        evidence=(
            Evidence(
                "rise over the last evaluations",
                gate.change,
                f"p = {gate.p:.2g}, below 0.05",
                "Theil and Sen, Mann and Kendall",
            ),
        ),
        remedy=Remedy("train longer"),
        refute="going on, and reaching no more",
        cost=gain,
    )


def go_on(repairs: Repairs, measures: Measures) -> dict[str, Any]:
    """Goes on from the last step, and sees whether that is enough."""
    del measures
    if not repairs.can_afford():
        return {}
    share = 3.0 if repairs.can_afford(3.0) else 1.0
    try:
        branch = repairs.attempt(
            "stopped_too_early", Change(), fresh=False, share=share
        )
    except CannotChangeError:
        return {}
    gain = repairs.gain(branch)
    floor = repairs.floor
    if is_gain(gain, floor):
        repairs.accept(branch, Change())
    return {"length/gain": gain, "length/floor": floor}
