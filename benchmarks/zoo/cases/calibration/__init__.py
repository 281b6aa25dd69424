"""The half of the cases by which thresholds are chosen."""

from __future__ import annotations

from benchmarks.zoo.cases.calibration import (
    capacity,
    inputs,
    labels,
    loss,
    questions,
    rates,
    recipes,
    rulers,
    runs,
    several,
    signals,
    steps,
    traps,
)
from benchmarks.zoo.cases.case import Case

FAMILIES = (
    labels,
    inputs,
    loss,
    rates,
    capacity,
    signals,
    steps,
    rulers,
    several,
    runs,
    traps,
    recipes,
    questions,
)
CASES: tuple[Case, ...] = tuple(case for family in FAMILIES for case in family.CASES)

__all__ = ["CASES"]
