"""A diagnosis as a page of text."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from framework.diagnose.core.finding import Evidence, Finding
from framework.diagnose.core.ledger import TrialRecord
from framework.diagnose.core.measurement import Unavailable
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.plateau import Plateau
from framework.diagnose.report.answer import answer, cost_text
from framework.diagnose.report.reading import reading

_WIDTH = 88
# Statuses that need more than a word.
_SHOWN = {
    "minor": "minor: helps, but less than asked",
    "unresolved": "unresolved by its trial",
}


def page(
    plateau: Plateau,
    accuracy: Accuracy,
    findings: Sequence[Finding],
    not_judged: Mapping[str, Unavailable],
    trials: Sequence[TrialRecord] = (),
) -> str:
    """Returns a diagnosis as text.

    The answer comes first, then the verdict of the curve, what was found, what was
    ruled out, and what could not be measured.
    """
    ruled_out = [each for each in findings if each.status == "falsified"]
    sections = [
        _filled(answer(plateau, accuracy, findings)),
        _filled(f"verdict: {plateau.verdict.replace('_', ' ')}: {plateau.reason}"),
        _filled(reading(accuracy) + _of_other_numbers(plateau, accuracy)),
    ]
    sections += [_finding(each) for each in findings if each not in ruled_out]
    if ruled_out:
        sections.append(_ruled_out(ruled_out))
    if not_judged:
        sections.append(_not_judged(not_judged))
    if any(each.problem for each in trials):
        sections.append(_not_measured(trials))
    return "\n\n".join(sections) + "\n"


def _finding(finding: Finding) -> str:
    cost = ""
    if finding.cost is not None and finding.status in ("confirmed", "minor"):
        cost = f", {cost_text(finding)}"
    status = _SHOWN.get(finding.status, finding.status)
    lines = [f"{finding.cause.name} ({status}{cost})"]
    lines += _paragraph("", finding.message)
    for each in finding.evidence:
        lines += _paragraph("evidence: ", _evidence(each))
    lines += _paragraph("what to do: ", finding.remedy.text)
    lines += [f"    {flag}" for flag in finding.remedy.flags]
    # Whoever trains by flags has them instead.
    if not finding.remedy.flags:
        lines += [f"    {line}" for line in finding.remedy.code]
    lines += _paragraph("would refute it: ", finding.refute)
    return "\n".join(lines)


def _ruled_out(findings: Sequence[Finding]) -> str:
    """Returns the causes that were suspected and ruled out."""
    lines = ["ruled out:"]
    for each in findings:
        lines += _paragraph(f"{each.cause.name}: ", each.message)
        # The last evidence is that of the trial.
        for evidence in each.evidence[-1:]:
            lines += _paragraph("  but: ", _evidence(evidence))
    return "\n".join(lines)


def _not_judged(not_judged: Mapping[str, Unavailable]) -> str:
    """Returns the causes that could not be judged, failures first."""
    lines = ["not judged:"]
    items = sorted(not_judged.items(), key=lambda item: not item[1].is_failure)
    for cause, unavailable in items:
        failed = f"{unavailable.name} failed: " if unavailable.is_failure else ""
        lines += _paragraph(f"{cause}: ", f"{failed}{unavailable.reason}")
    return "\n".join(lines)


def _not_measured(trials: Sequence[TrialRecord]) -> str:
    """Returns the trials that have failed, which says nothing of their causes."""
    lines = ["not measured:"]
    for each in trials:
        if each.problem:
            lines += _paragraph(f"trial of {each.name}: ", each.problem)
    return "\n".join(lines)


def _of_other_numbers(plateau: Plateau, accuracy: Accuracy) -> str:
    """Returns a note where the last evaluation has another accuracy, or ""."""
    recorded, now = plateau.accuracy.value, accuracy.validation.accuracy.value
    if f"{recorded:.1%}" == f"{now:.1%}":
        return ""
    return (
        f" (the last evaluation has {recorded:.1%}, in the verdict; {now:.1%} are of "
        f"the weights as they are now, on {accuracy.validation.images:,} images)"
    )


def _evidence(evidence: Evidence) -> str:
    return f"{evidence.name} = {evidence.text} [{evidence.source}]"


def _filled(text: str) -> str:
    return textwrap.fill(text, _WIDTH)


def _paragraph(begin: str, text: str) -> list[str]:
    indent = "  " + " " * len(begin)
    return textwrap.wrap(
        text, _WIDTH, initial_indent="  " + begin, subsequent_indent=indent
    )
