"""Decides whether a case is admitted to the zoo: its fault must cost accuracy."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.zoo.cases import Case
from benchmarks.zoo.train import Trained

# What was measured of the cases that are in the table.
ADMITTED = Path(__file__).with_name("admitted.json")
# DeepCrime (Humbatova et al., 2021) counts a fault as one from this effect size on.
LEAST_EFFECT = 0.5
# Less is below what a diagnosis could show, and what anybody would notice.
LEAST_DIFFERENCE = 0.03
# Of seeds that all end alike, such as at chance: a test set's own resolution.
_LEAST_DEVIATION = 0.005
_T = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)


@dataclasses.dataclass(frozen=True)
class Admission:
    """The measurements of a case.

    Attributes:
        case: Its name.
        seeds: How many.
        broken: Mean accuracy; or mean error of the reported number, if that is wrong.
        mended: The same of its better version; without one, of twice the training.
        effect: Cohen's d of the difference.
        low: Where the 95 % interval of the difference begins.
        admitted: Whether it belongs into the zoo.
        fix: The usual fix that gains most, of cases without a fault; "" if not tried.
        gain: How much accuracy it gains.
    """

    case: str
    seeds: int
    broken: float
    mended: float
    effect: float
    low: float
    admitted: bool
    fix: str = ""
    gain: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Returns a JSON value."""
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in dataclasses.asdict(self).items()
        }


def admission(
    case: Case,
    broken: Sequence[Trained],
    mended: Sequence[Trained],
    fixed: Sequence[Mapping[str, float]] = (),
) -> Admission:
    """Returns whether a case is admitted.

    Args:
        case: What it is of.
        broken: Its trainings.
        mended: Those of its better version; without one, those of twice the length.
        fixed: For each seed, the accuracy with each of the usual fixes.
    """
    values = [_measured(case, each) for each in broken]
    mean = statistics.fmean(values)
    others = [_measured(case, each) for each in mended]
    good = statistics.fmean(others)
    difference = mean - good if case.ruler else good - mean
    deviations = [_deviation(each) for each in (values, others)]
    pooled = math.sqrt(statistics.fmean(each**2 for each in deviations))
    effect = difference / pooled
    error = math.sqrt(
        deviations[0] ** 2 / len(values) + deviations[1] ** 2 / len(others)
    )
    freedom = max(min(len(values), len(others)) - 1, 1)
    low = difference - _T[min(freedom, len(_T)) - 1] * error
    if case.has_twin:
        admitted = min(effect - LEAST_EFFECT, difference - LEAST_DIFFERENCE) >= 0
        admitted = admitted and low > 0
    else:
        # One that has much further to go is not finished, which is a fault.
        admitted = mean >= case.floor and difference < LEAST_DIFFERENCE
    fix, gain = _best_fix(mean, fixed)
    if case.healthy:
        admitted = admitted and gain < LEAST_DIFFERENCE
    return Admission(
        case.name, len(values), mean, good, effect, low, admitted, fix, gain
    )


def _best_fix(mean: float, fixed: Sequence[Mapping[str, float]]) -> tuple[str, float]:
    """Returns the usual fix that gains most on average, and its gain."""
    if not fixed:
        return "", 0.0
    gains = {
        name: statistics.fmean(each[name] for each in fixed) - mean for name in fixed[0]
    }
    best = max(gains, key=gains.__getitem__)
    return best, gains[best]


def _measured(case: Case, trained: Trained) -> float:
    return trained.error if case.ruler else trained.accuracy


def _deviation(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 2 * _LEAST_DEVIATION
    return max(statistics.stdev(values), _LEAST_DEVIATION)


def page(admissions: Sequence[Admission]) -> str:
    """Returns a table of the cases, with refused ones last."""
    lines = [
        f"{'case':36}{'seeds':>6}{'broken':>8}{'mended':>8}{'d':>7}{'low':>8}",
    ]
    for each in sorted(admissions, key=lambda admission: not admission.admitted):
        lines.append(
            f"{each.case:36}{each.seeds:6}{each.broken:8.3f}{each.mended:8.3f}"
            f"{each.effect:7.1f}{each.low:8.3f}{'' if each.admitted else '  refused'}"
            + (f"  {each.fix}: {each.gain:+.3f}" if each.fix else "")
        )
    admitted = sum(each.admitted for each in admissions)
    lines.append(f"{admitted} of {len(admissions)} admitted")
    return "\n".join(lines)
