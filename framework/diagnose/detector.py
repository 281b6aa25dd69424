"""How causes are looked for: measure, judge, and in doubt decide by experiment."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.finding import Finding
from framework.diagnose.repair import Repairs
from framework.diagnose.subject import Subject


class NotMeasuredError(KeyError):
    """Something was not measured, so that nothing can be said."""


class Measures(dict[str, Any]):
    """What was measured, by name: "family/name".

    Attributes:
        confirmed: The causes that are certain by now.
    """

    def __init__(self, values: Mapping[str, Any] | None = None):
        super().__init__(values or {})
        self.confirmed: set[str] = set()

    def __missing__(self, name: str) -> Any:
        raise NotMeasuredError(name)


@dataclasses.dataclass(frozen=True)
class Detector:
    """Looks for one cause.

    Attributes:
        rule: Judges what was measured: a finding, or None if nothing speaks for the
            cause. It is confirmed only by a decisive measurement.
        measure: Measures what the rule needs; cheap.
        change: What would mend it: where the rule suspects, an attempt decides.
        confirm: Measures what decides, where that takes more than one attempt.
        flatters: Whether the cause makes accuracy look better than it is: then it is
            looked for where nothing is missing as well.
    """

    rule: Callable[[Measures], Finding | None]
    measure: Callable[[Subject], dict[str, Any]] | None = None
    change: Callable[[Measures], Change] | None = None
    confirm: Callable[[Repairs, Measures], dict[str, Any]] | None = None
    flatters: bool = False


def detect(
    detectors: Iterable[Detector],
    measures: Measures,
    repairs: Repairs,
    progress: Callable[[str], None] = lambda name: None,
) -> list[Finding]:
    """Returns the findings of all detectors.

    Args:
        detectors: In the order in which they look; each sees what those before it have
            measured.
        measures: What is known already; what is measured is added.
        repairs: Tries what would mend what is suspected.
        progress: Told what is being done.
    """
    findings = []
    for detector in detectors:
        if detector.measure:
            progress(f"measuring {_name(detector)}")
            # What the model does not take cannot be measured.
            with contextlib.suppress(CannotChangeError):
                measures |= detector.measure(repairs.subject)
        found = _judged(detector, measures)
        if found is not None and found.status == "suspected":
            if repairs.is_done and not detector.flatters:
                continue
            if detector.change:
                found = repairs.tried(found, detector.change(measures))
            elif detector.confirm:
                measures |= detector.confirm(repairs, measures)
                found = _judged(detector, measures)
        elif found is not None and found.status == "confirmed" and detector.change:
            found = repairs.assumed(found, detector.change(measures))
        if found is not None:
            findings.append(found)
            if found.status == "confirmed":
                measures.confirmed.add(found.cause)
    return findings


def _judged(detector: Detector, measures: Measures) -> Finding | None:
    try:
        return detector.rule(measures)
    except NotMeasuredError:
        return None


def _name(detector: Detector) -> str:
    return detector.rule.__module__.rpartition(".")[2].replace("_", " ")
