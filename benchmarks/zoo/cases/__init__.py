"""The cases of the zoo: one half for calibration, the other for the report."""

from __future__ import annotations

from benchmarks.zoo.cases import calibration, report
from benchmarks.zoo.cases.case import HALVES, Case, Program, Run

CASES: dict[str, Case] = {
    case.name: case for half in (calibration, report) for case in half.CASES
}

__all__ = ["CASES", "HALVES", "Case", "Program", "Run"]
