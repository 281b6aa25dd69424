"""The cases of the zoo, by family."""

from __future__ import annotations

from benchmarks.zoo.cases import (
    capacity,
    held_out,
    inputs,
    labels,
    loss,
    rates,
    recipes,
    rulers,
    runs,
    several,
    signals,
    steps,
    traps,
)
from benchmarks.zoo.cases.case import HALVES, Case, Program, Run

FAMILIES = (
    *(labels, inputs, loss, rates, capacity, signals, steps, rulers, several, runs),
    *(traps, recipes, held_out),
)
CASES: dict[str, Case] = {
    case.name: case for family in FAMILIES for case in family.CASES
}

__all__ = ["CASES", "FAMILIES", "HALVES", "Case", "Program", "Run"]
