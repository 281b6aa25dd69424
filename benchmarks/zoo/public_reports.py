"""The cases of public reports as tables, with what their faults cost.

    python -m benchmarks.zoo.public_reports

The first table holds the report half, the second the calibration half. The accuracies
are those of `admitted.json`: means over seeds, of the program as it was reported and of
its better version.
"""

from __future__ import annotations

import json

from benchmarks.zoo import admission
from benchmarks.zoo.cases import HALVES, Case, public


def page(half: str) -> str:
    """Returns the table of a half in Markdown."""
    measured = json.loads(admission.ADMITTED.read_text())
    lines = [
        "| report | images | right answer | as reported | better | seeds |",
        "|---|---|---|---|---|---|",
    ]
    cases = [case for case in public.CASES if case.half == half]
    for each in sorted(cases, key=lambda case: case.healthy):
        found = measured[each.name]
        lines.append(
            f"| [{each.name.removeprefix('public: ')}]({each.source}) | {each.data} "
            f"| {_answer(each)} | {_number(found['broken'], each)} "
            f"| {_better(found, each)} | {found['seeds']} |"
        )
    return "\n".join(lines)


def _answer(case: Case) -> str:
    if case.healthy:
        return case.answer
    return ", ".join(f"`{cause}`" for causes in case.causes for cause in causes[:1])


def _number(value: float, case: Case) -> str:
    """Returns an accuracy, or how wrong the reported one is."""
    text = f"{100 * value:.1f}"
    return f"wrong by {text}" if case.ruler else text


def _better(found: dict, case: Case) -> str:
    if case.has_twin:
        return _number(found["mended"], case)
    # Twice the training is one of the usual fixes.
    best = max(found["gain"], found["mended"] - found["broken"])
    return f"{100 * best:+.1f} by usual fixes"


if __name__ == "__main__":
    print("\n\n".join(page(half) for half in reversed(HALVES)))
