"""A run that was too short, or a model that is too small: more would be enough.

Both show alike: not even training images are learnt. So both are tried, the same model
for longer and a larger one from the first step, and what reaches more is the cause: a
larger model learns faster as well, and more time helps a small one a little.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.repair import FLOOR, Repairs, is_gain, status
from framework.diagnose.subject import Branch
from framework.numerics.intervals import paired_difference

_LEARNT, _GAP = 0.95, 0.20
# Wider nets are a little better in any case: that makes others not too small.
_FITS = 0.85
_FEW = 4
# Healthy runs may gain a little by either.
_ENOUGH = 0.05
# Widening by less shows nothing where a layer has a unit or three.
_NARROW, _WIDER, _FAR_WIDER = 4, 4.0, 16.0


def stopped_too_early(measures: Measures) -> Finding | None:
    """Fires where accuracy was still rising, or where it may be size or time."""
    gate = measures["gate"]
    rises = gate.verdict == "improving"
    if not rises and gate.evaluations > _FEW and not insufficient_capacity(measures):
        return None
    gain = measures.get("length/gain")
    return Finding(
        cause="stopped_too_early",
        status=status(gain, measures.get("length/floor", FLOOR)),
        message=(
            f"the run ended after {measures['settings']['epochs']:g} epochs, with a "
            f"trend of {gate.change:+.1%} over the last {gate.window} evaluations"
        ),
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


def insufficient_capacity(measures: Measures) -> Finding | None:
    """Fires where not even the training images can be learnt."""
    clean = measures["clean/accuracy"]
    if "train_eval_mismatch" in measures.confirmed:
        # What has been learnt is not what evaluation mode shows.
        return None
    if clean.low > _LEARNT or measures["gap/clean_validation"].value > _GAP:
        return None
    if clean.value > _FITS and measures["fit/narrowest"] >= _NARROW:
        return None
    gain = measures.get("capacity/gain")
    return Finding(
        cause="insufficient_capacity",
        status=status(gain, measures.get("capacity/floor", FLOOR)),
        message=(
            f"{clean.value:.1%} of the training images are learnt, by "
            f"{measures['fit/parameters']:,} weights whose narrowest hidden layer has "
            f"{measures['fit/narrowest']} units"
        ),
        evidence=(
            Evidence(
                "accuracy on training images",
                clean,
                f"below {_LEARNT}",
                "evaluation mode, no augmentation",
            ),
            Evidence(
                "units of the narrowest hidden layer",
                float(measures["fit/narrowest"]),
                "",
                "the model's kernels",
            ),
        ),
        remedy=Remedy("use more filters and units, or more layers"),
        refute="training four times the units, and reaching no more",
        cost=gain,
    )


def larger(measures: Measures) -> Change:
    """Returns a change to more units."""
    narrow = measures["fit/narrowest"] < _NARROW
    return Change(width=_FAR_WIDER if narrow else _WIDER)


@dataclasses.dataclass(frozen=True, eq=False)
class _Trial:
    """An attempt that is not accepted yet."""

    branch: Branch
    change: Change


def try_more(repairs: Repairs, measures: Measures) -> dict[str, Any]:
    """Tries a larger model, and the same one for longer; accepts what reaches more.

    What does not reach more than the other one has its gain on top of that.
    """
    trials = _trials(repairs, measures)
    enough = max(repairs.floor, _ENOUGH)
    floors = {"length": enough, "capacity": enough}
    if measures["fit/narrowest"] < _NARROW:
        # Nobody chooses so few units for a net that is wide enough.
        floors["capacity"] = repairs.floor
    # Time is what costs least: in doubt it is that.
    names = sorted(trials, key=lambda name: name == "capacity")
    if len(names) == 2:
        long, large = (repairs.rights(trials[name].branch) for name in names)
        if is_gain(paired_difference(large, long)):
            names.reverse()
    found: dict[str, Any] = {}
    for name in names:
        gain = repairs.gain(trials[name].branch)
        found |= {f"{name}/gain": gain, f"{name}/floor": floors[name]}
        if is_gain(gain, floors[name]):
            repairs.accept(trials[name].branch, trials[name].change)
    return found


def _trials(repairs: Repairs, measures: Measures) -> dict[str, _Trial]:
    found: dict[str, _Trial | None] = {}
    if repairs.has_mended:
        # Something else was in the way, and what mends it had a part of the time only.
        return {}
    if insufficient_capacity(measures):
        found["capacity"] = _tried(repairs, "insufficient_capacity", larger(measures))
    if stopped_too_early(measures):
        found["length"] = _tried(repairs, "stopped_too_early", Change())
    return {name: trial for name, trial in found.items() if trial}


def _tried(repairs: Repairs, name: str, change: Change) -> _Trial | None:
    """Tries something for as long as is usual; what goes on, for longer."""
    goes_on = not change.differences()
    lengths = (3.0, 2.0, 1.0) if goes_on else (1.0,)
    share = next((each for each in lengths if repairs.can_afford(each)), 0.0)
    if not share:
        return None
    try:
        branch = repairs.attempt(name, change, fresh=not goes_on, share=share)
    except CannotChangeError:
        return None
    return _Trial(branch, change)
