"""A whole diagnosis: the ruler, the gate, the data, the training; in this order."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from framework.diagnose import accuracy, data, matrix, process, ruler
from framework.diagnose.detector import Measures, detect
from framework.diagnose.finding import FORMAT, Evidence, Finding
from framework.diagnose.gate import Gate, gate
from framework.diagnose.page import page
from framework.diagnose.repair import Repairs
from framework.diagnose.subject import Subject
from framework.numerics.intervals import Estimate

# Of a curve that has arrived at the top nobody asks why it does not move.
_ASKED = ("static", "at_chance", "improving", "not_static")
# Or of one that has ended before there was a curve.
_FEW = 3
_LEARNT = 0.9
# What is measured of every subject.
_SHOWN = ("clean", "dev", "validation", "training_mode", "gap", "matrix", "counted")
# With these accuracy is not what it is taken for, whatever else there is.
_FIRST = (
    *("illegal_labels", "shuffled_labels", "split_artifact", "split_leakage"),
    *("preprocessing_mismatch", "metric_bug", "random_validation"),
    *("stale_evaluation_weights", "learning_rate_frozen"),
)
# With labels that say nothing of the images, training has nothing to be blamed for.
_VOID = ("illegal_labels", "shuffled_labels")
# What Keras calls accuracy depends on the outputs: where these are wrong, so is that.
_AFTER = {"metric_bug": "loss_output_mismatch"}


@dataclasses.dataclass(frozen=True, eq=False)
class Diagnosis:
    """What was found.

    Attributes:
        gate: What can be said of the curve.
        findings: The confirmed ones first, by what they cost; at most one a cause.
        measures: All that was measured.
    """

    gate: Gate
    findings: tuple[Finding, ...]
    measures: Measures

    @property
    def confirmed(self) -> tuple[Finding, ...]:
        """The findings that are certain."""
        return tuple(each for each in self.findings if each.status == "confirmed")

    def as_json(self) -> dict[str, Any]:
        """Returns a JSON value."""
        return {
            "format": FORMAT,
            "verdict": self.gate.verdict,
            "gate": self.gate.as_json(),
            "findings": [each.as_json() for each in self.findings],
            "reading": matrix.reading(self.measures),
            "measurements": {
                name: _json(value)
                for name, value in self.measures.items()
                if name.split("/")[0] in _SHOWN
            },
        }

    def __str__(self) -> str:
        return page(self)


def diagnose(
    subject: Subject,
    budget: float = 1.0,
    progress: Callable[[str], None] = lambda name: None,
) -> Diagnosis:
    """Returns why validation accuracy is static, if it is.

    Args:
        subject: What to look at.
        budget: How much experiments may train, in units of the original training.
        progress: Told what is being done.
    """
    with _no_warnings_of_tracing():
        return _diagnosed(subject, budget, progress)


@contextlib.contextmanager
def _no_warnings_of_tracing() -> Iterator[None]:
    """Keeps TensorFlow from warning of functions traced anew for each experiment."""
    logger = logging.getLogger("tensorflow")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _diagnosed(
    subject: Subject, budget: float, progress: Callable[[str], None]
) -> Diagnosis:
    progress("asking the model about all images")
    measures = Measures(accuracy.measure(subject))
    measures |= matrix.measure(subject)
    measures["settings"] = dict(subject.settings)
    repairs = Repairs(subject, budget, progress)
    found = detect(ruler.DETECTORS, measures, repairs, progress)
    curve = gate(subject.predictions, subject.num_classes, measures["clean/accuracy"])
    measures["gate"] = curve
    found += detect(data.DETECTORS, measures, repairs, progress)
    void = any(each.cause in _VOID and each.status == "confirmed" for each in found)
    asked = curve.verdict in _ASKED or curve.evaluations < _FEW
    # A set too small to show small changes can still show large ones; and what is not
    # learnt on training images either may be a ceiling, or the fault of training.
    asked |= measures["clean/accuracy"].value < _LEARNT
    asked &= not void
    if asked:
        found += detect(ruler.UPDATES, measures, repairs, progress)
        found += detect(process.DETECTORS, measures, repairs, progress)
        found = _together(found, repairs)
    found += detect(data.LAST, measures, repairs, progress)
    if asked:
        found += detect(process.LAST, measures, repairs, progress)
    found = _one_a_cause(_sorted(_enough_images(found)))
    return Diagnosis(_revised(curve, repairs), found, measures)


def _revised(curve: Gate, repairs: Repairs) -> Gate:
    """Returns what can be said of a curve once it is known what training can reach."""
    if curve.verdict != "ceiling" or not repairs.has_gained:
        return curve
    reason = f"{curve.accuracy.value:.1%}, as on training images; it can be more"
    return dataclasses.replace(curve, verdict="static", reason=reason)


def _enough_images(found: Sequence[Finding]) -> list[Finding]:
    """Takes back that images are too few, where they have shown what another costs."""
    shown = any(
        each.status == "confirmed" and each.cost and each.cost.low > 0 for each in found
    )
    return [
        dataclasses.replace(each, status="falsified")
        if shown and each.cause == "validation_too_small"
        else each
        for each in found
    ]


def _one_a_cause(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Returns the first finding of each cause; several detectors can look for one."""
    first = {each.cause: each for each in reversed(found)}
    return tuple(each for each in found if first[each.cause] is each)


def _together(found: list[Finding], repairs: Repairs) -> list[Finding]:
    """Returns findings as confirmed that help together, where none did alone."""
    causes, gain = repairs.together()
    shown = Evidence(
        "gain in validation accuracy once all are mended",
        gain,
        "the interval above 0, and enough",
        f"{' and '.join(sorted(causes))} at once; one by one none helped",
    )
    return [
        dataclasses.replace(
            each, status="confirmed", cost=gain, evidence=(*each.evidence, shown)
        )
        if each.cause in causes
        else each
        for each in found
    ]


def _json(value: Any) -> Any:
    """Returns a JSON value of a measurement; None for what is no number."""
    if isinstance(value, Estimate):
        return {"value": value.value, "interval": [value.low, value.high]}
    return value if math.isfinite(value) else None


def _sorted(found: Sequence[Finding]) -> list[Finding]:
    """Returns findings as they are to be read: what is certain and costs most first."""
    status = ("confirmed", "suspected", "unresolvable", "falsified")
    confirmed = {each.cause for each in found if each.status == "confirmed"}

    def weight(finding: Finding) -> tuple[int, bool, bool, float]:
        cost = finding.cost.value if finding.cost else 1.0
        if finding.cause == "validation_too_small":
            cost = 0.0
        follows = _AFTER.get(finding.cause) in confirmed
        first = finding.cause in _FIRST
        return status.index(finding.status), follows, not first, -cost

    return sorted(found, key=weight)
