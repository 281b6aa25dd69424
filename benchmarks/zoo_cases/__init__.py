"""The cases of the zoo, by family."""

from __future__ import annotations

from benchmarks.zoo_cases import (
    capacity,
    custom,
    inputs,
    labels,
    loss,
    rates,
    recipes,
    runs,
    several,
    signals,
    traps,
)
from benchmarks.zoo_cases.case import HALVES, Case, Program, Run

FAMILIES = (
    *(labels, inputs, loss, rates, capacity, signals, custom, several, runs),
    *(traps, recipes),
)
CASES: dict[str, Case] = {
    case.name: case for family in FAMILIES for case in family.CASES
}

__all__ = ["CASES", "FAMILIES", "HALVES", "Case", "Program", "Run"]
