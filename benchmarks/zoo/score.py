"""Scores diagnoses: how often the cause is right, and how often there is none."""

from __future__ import annotations

import dataclasses
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.zoo.cases import Case
from framework.numerics.intervals import Estimate, proportion


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What was said of one run.

    Attributes:
        case: What was looked at.
        seed: Of the run.
        named: What was found for certain, in order; each as all identifiers that would
            do, for other tools' symptoms stand for several.
        suspected: What was not, but may be.
        cost: Epochs of all experiments, in units of the run; None if not known.
    """

    case: Case
    seed: int
    named: tuple[tuple[str, ...], ...]
    suspected: tuple[tuple[str, ...], ...] = ()
    cost: float | None = None

    def is_right(self, causes: Iterable[str]) -> bool:
        """Returns whether a name is that of something that is wrong."""
        return bool(self.case.accepted.intersection(causes))

    @property
    def is_false_alarm(self) -> bool:
        """Whether a cause is named on a case without a fault that is none."""
        tolerated = set(self.case.tolerated)
        return self.case.healthy and not all(
            tolerated.intersection(causes) for causes in self.named
        )

    @property
    def top(self) -> bool:
        """Whether the first one is right."""
        return bool(self.named) and self.is_right(self.named[0])

    @property
    def top_three(self) -> bool:
        """Whether one of the first three is, suspicions counted last."""
        return any(self.is_right(each) for each in (*self.named, *self.suspected)[:3])

    @property
    def is_wrong(self) -> bool:
        """Whether the first cause named is not the fault."""
        return bool(self.named) and not self.top

    @property
    def mentioned(self) -> bool:
        """Whether the fault is named or suspected, at any place."""
        return any(self.is_right(each) for each in (*self.named, *self.suspected))


def verdict(case: Case, line: Mapping[str, Any]) -> Verdict:
    """Returns the verdict of a line that says what was diagnosed."""

    def causes(status: str) -> tuple[tuple[str, ...], ...]:
        return tuple(
            (each["cause"],) for each in line["findings"] if each["status"] == status
        )

    return Verdict(
        case, line["seed"], causes("confirmed"), causes("suspected"), line["cost"]
    )


def scores(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Returns all numbers of a score; estimates have a 95 % interval by Wilson."""
    faulty = [each for each in verdicts if not each.case.healthy]
    healthy = [each for each in verdicts if each.case.healthy]
    costs = [each.cost for each in verdicts if each.cost is not None]
    precision, recall = _precision(verdicts), _recall(faulty)
    return {
        "faulty runs": len(faulty),
        "healthy runs": len(healthy),
        "top-1": _share(each.top for each in faulty),
        "top-3": _share(each.top_three for each in faulty),
        "detected": _share(bool(each.named) for each in faulty),
        "wrong cause first": _share(each.is_wrong for each in faulty),
        "named or suspected": _share(each.mentioned for each in faulty),
        "macro precision": _mean(precision.values()),
        "macro recall": _mean(recall.values()),
        "named on healthy runs": _share(each.is_false_alarm for each in healthy),
        "median cost": statistics.median(costs) if costs else None,
        "precision": precision,
        "recall": recall,
    }


def _precision(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Returns for each cause how often it was right, of all times it was named."""
    found = defaultdict(list)
    for each in verdicts:
        for causes in each.named:
            found[causes[0]].append(each.is_right(causes))
    return {cause: statistics.fmean(right) for cause, right in sorted(found.items())}


def _recall(faulty: Sequence[Verdict]) -> dict[str, float]:
    """Returns for each cause how often it was named, of all times it was there."""
    found = defaultdict(list)
    for each in faulty:
        names = {cause for causes in each.named for cause in causes}
        for fault in each.case.causes:
            found[fault[0]].append(bool(names.intersection(fault)))
    return {cause: statistics.fmean(right) for cause, right in sorted(found.items())}


def _share(values: Iterable[bool]) -> Estimate:
    values = list(values)
    return proportion(sum(values), len(values))


def _mean(values: Iterable[float]) -> float | None:
    values = list(values)
    return statistics.fmean(values) if values else None


def as_json(found: Mapping[str, Any]) -> dict[str, Any]:
    """Returns scores as a JSON value."""
    return {
        name: dataclasses.asdict(value) if isinstance(value, Estimate) else value
        for name, value in found.items()
    }


def page(found: Mapping[str, Any]) -> str:
    """Returns scores as a table."""
    lines = [
        f"{name:24}{_shown(value)}"
        for name, value in found.items()
        if name not in ("precision", "recall")
    ]
    lines += ["", f"{'cause':28}{'precision':>10}{'recall':>10}"]
    precision, recall = found["precision"], found["recall"]
    for cause in sorted({*precision, *recall}):
        shown = [
            f"{each[cause]:10.2f}" if cause in each else f"{'-':>10}"
            for each in (precision, recall)
        ]
        lines.append(f"{cause:28}{''.join(shown)}")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Estimate):
        return f"{value.value:.3f}  ({value.low:.3f} to {value.high:.3f})"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def misses(verdicts: Sequence[Verdict]) -> str:
    """Returns a table of the cases in which not all was right."""
    by_case = defaultdict(list)
    for each in verdicts:
        by_case[each.case.name].append(each)
    lines = []
    for name, found in by_case.items():
        case = found[0].case
        right = [
            not each.is_false_alarm if case.healthy else each.top for each in found
        ]
        if all(right):
            continue
        told = {
            f"{each.seed}: " + (", ".join("/".join(c) for c in each.named) or "nothing")
            for each in found
        }
        lines.append(f"{name} ({case.half}): {sum(right)} of {len(right)} right")
        lines.append(f"    is     {' + '.join(case.faults) or case.answer}")
        lines += [f"    named  {each}" for each in sorted(told)]
    return "\n".join(lines) or "none"
