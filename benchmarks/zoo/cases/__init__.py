"""The cases of the zoo: one half for calibration, the other for the report.

Those of `public` belong to either half, and are scored apart.
"""

from __future__ import annotations

from benchmarks.zoo.cases import calibration, public, report
from benchmarks.zoo.cases.case import HALVES, Case, Program, Run

CASES: dict[str, Case] = {
    case.name: case for part in (calibration, report, public) for case in part.CASES
}

__all__ = ["CASES", "HALVES", "Case", "Program", "Run"]
