"""Counts on how many sound programs a cause was confirmed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.zoo import results
from benchmarks.zoo.results import Line
from framework.numerics.intervals import proportion


def read(path: Path) -> dict[tuple[str, int], Line]:
    """Returns the completed lines by program and seed; failures are left out."""
    return {(line["case"], line["seed"]): line for line in results.completed(path)}


def confirmed(line: Mapping[str, Any]) -> list[str]:
    """Returns the causes that a diagnosis confirms, of a line of results."""
    return [
        finding["cause"]
        for finding in line["findings"]
        if finding["status"] == "confirmed"
    ]


def text(line: Mapping[str, Any]) -> str:
    """Returns a run as one line of text."""
    name = f"{line['case']}, seed {line['seed']}"
    if "error" in line:
        return f"{name}: {line['error']}"
    accuracy = f"{line['accuracy']:.3f}, probe {line['probe']:.3f}"
    if "findings" not in line:
        return f"{name}: {accuracy}, not sound"
    causes = ", ".join(confirmed(line)) or "nothing"
    return f"{name}: {accuracy}, {line['seconds']:.0f} s, confirmed: {causes}"


def page(lines: Iterable[Mapping[str, Any]]) -> str:
    """Returns the counts as text, with Wilson's 95 % intervals.

    Args:
        lines: What was done; `sound_programs.measure` describes them.
    """
    causes: dict[str, list[list[str]]] = defaultdict(list)
    by_kind: dict[str, list[bool]] = defaultdict(list)
    left_out = []
    for line in lines:
        if "findings" not in line:
            left_out.append(text(line))
            continue
        named = confirmed(line)
        causes[line["case"]].append(named)
        by_kind[line["case"].split(":")[0]].append(bool(named))
    by_run = [names for runs in causes.values() for names in runs]
    alarms = sum(map(bool, by_run))
    programs = sum(any(runs) for runs in causes.values())
    rows = [
        f"a cause is confirmed: {alarms} of {len(by_run)} runs, "
        f"{proportion(alarms, len(by_run))}",
        f"with any seed: {programs} of {len(causes)} programs, "
        f"{proportion(programs, len(causes))}",
    ]
    for kind, named in sorted(by_kind.items()):
        rows.append(f"    {kind}: {sum(named)} of {len(named)} runs")
    counts = Counter(cause for names in by_run for cause in names)
    rows += [f"    {cause}: {count}" for cause, count in counts.most_common()]
    rows += [f"left out: {each}" for each in left_out]
    return "\n".join(rows)
