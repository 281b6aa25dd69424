"""How causes are looked for: measure, judge, and in doubt decide by experiment."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from framework.diagnose.finding import Finding
from framework.diagnose.subject import Subject


class NotMeasuredError(KeyError):
    """Something was not measured, so that nothing can be said."""


class Measures(dict[str, Any]):
    """What was measured, by name: "family/name"."""

    def __missing__(self, name: str) -> Any:
        raise NotMeasuredError(name)


@dataclasses.dataclass(frozen=True)
class Detector:
    """Looks for one cause.

    Attributes:
        rule: Judges what was measured: a finding, or None if nothing speaks for the
            cause. It is confirmed only by a decisive measurement.
        measure: Measures what the rule needs; cheap.
        confirm: Measures what decides, where the rule suspects; may train.
        epochs: What `confirm` costs, in epochs of the original training.
    """

    rule: Callable[[Measures], Finding | None]
    measure: Callable[[Subject], dict[str, Any]] | None = None
    confirm: Callable[[Subject, Measures], dict[str, Any]] | None = None
    epochs: float = 0.0


def detect(
    detectors: Iterable[Detector],
    subject: Subject,
    measures: Measures,
    budget: float,
    progress: Callable[[str], None] = lambda name: None,
) -> list[Finding]:
    """Returns the findings of all detectors.

    Args:
        detectors: In the order in which they look; each sees what those before it have
            measured.
        subject: What is diagnosed.
        measures: What is known already; what is measured is added.
        budget: How many epochs of training experiments may take in all.
        progress: Told what is being done.
    """
    findings = []
    for detector in detectors:
        if detector.measure:
            progress(f"measuring {_name(detector)}")
            measures |= detector.measure(subject)
        found = _judged(detector, measures)
        doubtful = found is not None and found.status == "suspected"
        if doubtful and detector.confirm and detector.epochs <= budget:
            progress(f"deciding about {found.cause}")
            measures |= detector.confirm(subject, measures)
            budget -= detector.epochs
            found = _judged(detector, measures)
        if found is not None:
            findings.append(found)
    return findings


def _judged(detector: Detector, measures: Measures) -> Finding | None:
    try:
        return detector.rule(measures)
    except NotMeasuredError:
        return None


def _name(detector: Detector) -> str:
    return detector.rule.__name__.replace("_", " ")
