"""Scores diagnoses: how often the cause is right, and healthy runs have none."""

from __future__ import annotations

import dataclasses
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.zoo.cases import Case
from benchmarks.zoo.cases.case import ANSWERS, Answer
from framework.numerics.intervals import Estimate, proportion

# Statuses of findings that name no cause, but do not clear it either.
_OPEN = ("minor", "suspected", "unresolved")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The diagnosis of one run, compared with its faults.

    Attributes:
        case: What was looked at.
        seed: Of the run.
        named: The confirmed causes in order; each as all identifiers that it can mean,
            because a symptom of another tool can mean several.
        suspected: What was not, but may be.
        cost: Epochs of all experiments, in units of the run; None if not known.
        curve: The verdict on the curve, such as "static"; "" if not known.
    """

    case: Case
    seed: int
    named: tuple[tuple[str, ...], ...]
    suspected: tuple[tuple[str, ...], ...] = ()
    cost: float | None = None
    curve: str = ""

    def is_right(self, causes: Iterable[str]) -> bool:
        """Returns whether a name is that of a fault of the case."""
        return bool(self.case.accepted.intersection(causes))

    @property
    def is_false_alarm(self) -> bool:
        """Whether a cause is named on a case without a fault that is none."""
        harmless = self.case.harmless
        return self.case.healthy and not all(
            harmless.intersection(causes) for causes in self.named
        )

    @property
    def is_answered(self) -> bool:
        """Whether the answer of a case without a fault is given: see `Answer`."""
        if not self.case.healthy or self.is_false_alarm:
            return False
        answer = ANSWERS[self.case.answer]
        if self.curve in answer.verdicts or answer == Answer():
            return True
        mentioned = {
            cause for causes in (*self.named, *self.suspected) for cause in causes
        }
        return not mentioned.isdisjoint(answer.causes)

    @property
    def top(self) -> bool:
        """Whether the first cause is right."""
        return bool(self.named) and self.is_right(self.named[0])

    @property
    def top_three(self) -> bool:
        """Whether one of the first three causes is right, with suspicions last."""
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
    """Returns the verdict of the line of a diagnosis."""

    def causes(statuses: Iterable[str]) -> tuple[tuple[str, ...], ...]:
        return tuple(
            (each["cause"],) for each in line["findings"] if each["status"] in statuses
        )

    return Verdict(
        case,
        line["seed"],
        causes(("confirmed",)),
        causes(_OPEN),
        line["cost"],
        line.get("verdict", ""),
    )


def scores(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Computes all scores; proportions have a 95 % interval by Wilson."""
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
        "answered if healthy": _share(each.is_answered for each in healthy),
        "median cost": statistics.median(costs) if costs else None,
        "precision": precision,
        "recall": recall,
    }


def _precision(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Returns the precision of each cause: the fraction of right findings."""
    is_right = defaultdict(list)
    for each in verdicts:
        for causes in each.named:
            is_right[causes[0]].append(each.is_right(causes))
    return {cause: statistics.fmean(each) for cause, each in sorted(is_right.items())}


def _recall(faulty: Sequence[Verdict]) -> dict[str, float]:
    """Returns the recall of each cause: the fraction of its cases with a finding."""
    is_named = defaultdict(list)
    for each in faulty:
        names = {cause for causes in each.named for cause in causes}
        for fault in each.case.causes:
            is_named[fault[0]].append(bool(names.intersection(fault)))
    return {cause: statistics.fmean(each) for cause, each in sorted(is_named.items())}


def _share(values: Iterable[bool]) -> Estimate:
    values = list(values)
    return proportion(sum(values), len(values))


def _mean(values: Iterable[float]) -> float | None:
    values = list(values)
    return statistics.fmean(values) if values else None


def as_json(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Returns scores as a JSON value."""
    return {
        name: dataclasses.asdict(value) if isinstance(value, Estimate) else value
        for name, value in scores.items()
    }


def page(scores: Mapping[str, Any]) -> str:
    """Returns scores as a table."""
    lines = [
        f"{name:24}{_shown(value)}"
        for name, value in scores.items()
        if name not in ("precision", "recall")
    ]
    lines += ["", f"{'cause':28}{'precision':>10}{'recall':>10}"]
    precision, recall = scores["precision"], scores["recall"]
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
    """Returns a table of the cases with a wrong or missing cause."""
    by_case = defaultdict(list)
    for each in verdicts:
        by_case[each.case.name].append(each)
    lines = []
    for name, case_verdicts in by_case.items():
        case = case_verdicts[0].case
        right = [
            each.is_answered if case.healthy else each.top for each in case_verdicts
        ]
        if all(right):
            continue
        named = {
            f"{each.seed}: " + (", ".join("/".join(c) for c in each.named) or "nothing")
            for each in case_verdicts
        }
        lines.append(f"{name} ({case.half}): {sum(right)} of {len(right)} right")
        lines.append(f"    is     {' + '.join(case.faults) or case.answer}")
        lines += [f"    named  {each}" for each in sorted(named)]
    return "\n".join(lines) or "none"
