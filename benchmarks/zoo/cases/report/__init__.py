"""Cases on which nothing was tuned: the half that is reported.

What is wrong with a case was decided before anything diagnosed it. Whoever changes the
diagnosis after a look at what it says of these needs new ones.
"""

from __future__ import annotations

import dataclasses

from benchmarks.zoo.cases.case import Case
from benchmarks.zoo.cases.report import (
    healthy,
    inputs,
    labels,
    runs,
    several,
    signals,
    steps,
    training,
    traps,
)

FAMILIES = (
    labels,
    inputs,
    training,
    signals,
    steps,
    several,
    runs,
    healthy,
    traps,
)
CASES: tuple[Case, ...] = tuple(
    dataclasses.replace(case, half="report")
    for family in FAMILIES
    for case in family.CASES
)

__all__ = ["CASES"]
