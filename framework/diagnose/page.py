"""A diagnosis as a page to read: what is the case, why, how it is known, what to do."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from framework.diagnose import matrix
from framework.diagnose.finding import Evidence, Finding

if TYPE_CHECKING:
    from framework.diagnose.diagnosis import Diagnosis

_WIDTH = 88


def page(diagnosis: Diagnosis) -> str:
    """Returns the text of a diagnosis."""
    gate = diagnosis.gate
    parts = [f"verdict: {gate.verdict.replace('_', ' ')}: {gate.reason}"]
    confirmed = diagnosis.confirmed
    parts.append(matrix.reading(diagnosis.measures))
    if not confirmed:
        parts.append("No cause is confirmed.")
    parts += [_finding(each) for each in diagnosis.findings]
    return (
        "\n\n".join(
            textwrap.fill(part, _WIDTH) if "\n" not in part else part for part in parts
        )
        + "\n"
    )


def _finding(finding: Finding) -> str:
    cost = ""
    if finding.cost is not None and finding.status == "confirmed":
        cost = f", costs {100 * finding.cost.value:.1f} points of accuracy"
        cost += f" ({100 * finding.cost.low:.1f} to {100 * finding.cost.high:.1f})"
    lines = [f"{finding.cause} ({finding.status}{cost})"]
    lines += _paragraph("", finding.message)
    for each in finding.evidence:
        lines += _paragraph("evidence: ", _evidence(each))
    lines += _paragraph("what to do: ", finding.remedy.text)
    lines += [f"    {flag}" for flag in finding.remedy.flags]
    lines += _paragraph("would refute it: ", finding.refute)
    return "\n".join(lines)


def _evidence(evidence: Evidence) -> str:
    value = evidence.value
    shown = f"{value:.3g}" if isinstance(value, float) else str(value)
    threshold = f"; {evidence.threshold}" if evidence.threshold else ""
    return f"{evidence.name} = {shown}{threshold} [{evidence.source}]"


def _paragraph(begin: str, text: str) -> list[str]:
    indent = "  " + " " * len(begin)
    return textwrap.wrap(
        text, _WIDTH, initial_indent="  " + begin, subsequent_indent=indent
    )
