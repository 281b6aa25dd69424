"""The answer of a diagnosis in one or two plain sentences."""

from __future__ import annotations

from collections.abc import Sequence

from framework.diagnose.core.finding import Finding
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.plateau import Plateau

_UNCERTAIN = ("suspected", "unresolved", "unresolvable")


def answer(plateau: Plateau, accuracy: Accuracy, findings: Sequence[Finding]) -> str:
    """Returns why validation accuracy is static, or that nothing is wrong.

    Args:
        plateau: The verdict of the curve.
        accuracy: Of all splits.
        findings: In the order of reading.
    """
    confirmed = [each for each in findings if each.status == "confirmed"]
    if confirmed:
        return _confirmed(confirmed[0], plateau) + _further(len(confirmed) - 1)
    uncertain = [each for each in findings if each.status in _UNCERTAIN]
    if plateau.verdict in ("ceiling", "improving"):
        begin = "Nothing is shown to be wrong" if uncertain else "Nothing is wrong"
        is_no_gain = any(
            each.cause.name == "stopped_too_early" and each.status == "falsified"
            for each in findings
        )
        text = f"{begin}: {_healthy(plateau, accuracy, is_no_gain)}."
    else:
        text = f"{_unexplained(plateau)}, and no cause is confirmed."
    if uncertain:
        text += f" The first suspicion: {_lower(uncertain[0].cause.title)}."
    return text


def points(value: float) -> str:
    """Returns a fraction in percentage points.

    >>> points(0.0274)
    '2.7'
    """
    return f"{100 * value:.1f}"


def _confirmed(finding: Finding, plateau: Plateau) -> str:
    title, cost = finding.cause.title, finding.cost
    is_costly = cost is not None and cost.low > 0
    if finding.cause.invalidates_accuracy:
        shown = f"{plateau.accuracy.value:.1%}"
        text = f"{title}: the validation accuracy of {shown} is not what it seems"
        return f"{text}; it {cost_text(finding)}." if is_costly else f"{text}."
    if is_costly:
        return f"{title}: this {cost_text(finding)}."
    return f"{title}. {finding.cause.summary}"


def cost_text(finding: Finding) -> str:
    """Returns the cost of a cause, a gain or an inflation; "" if not measured."""
    cost = finding.cost
    if cost is None:
        return ""
    interval = f"({points(cost.low)} to {points(cost.high)})"
    if finding.cost_kind == "inflation":
        return f"shows {points(cost.value)} points of accuracy too many {interval}"
    return f"costs {points(cost.value)} points of accuracy {interval}"


def _further(count: int) -> str:
    if not count:
        return ""
    noun = "another cause is" if count == 1 else f"{count} other causes are"
    return f" Besides, {noun} confirmed."


def _healthy(plateau: Plateau, accuracy: Accuracy, is_no_gain: bool) -> str:
    """Returns why nothing is wrong.

    Args:
        plateau: The verdict of the curve.
        accuracy: Of all splits.
        is_no_gain: Whether a trial has shown that longer training gains too little.
    """
    images, missing = accuracy.validation.images, 1 - plateau.accuracy.value
    if plateau.verdict == "improving":
        return (
            f"validation accuracy still rises, by {points(plateau.change)} points over "
            f"the last {plateau.window} evaluations"
            + (
                ", but a trial of twice the length gained little"
                if is_no_gain
                else "; train longer"
            )
        )
    if missing <= plateau.detectable:
        return (
            f"with {images:,} images, differences under {points(plateau.detectable)} "
            f"points cannot be seen, and {points(missing)} are missing"
        )
    return (
        f"validation accuracy, {plateau.accuracy.value:.1%}, is that of the training "
        f"images"
    )


def _unexplained(plateau: Plateau) -> str:
    shown = f"{plateau.accuracy.value:.1%}"
    if plateau.verdict == "diverged":
        return "Training broke off because numbers were no longer finite"
    if plateau.verdict == "at_chance":
        return plateau.reason[0].upper() + plateau.reason[1:]
    if plateau.verdict == "not_static":
        return f"Validation accuracy falls, to {shown}"
    if plateau.verdict == "unresolvable":
        reason = plateau.reason.removeprefix("cannot tell: ")
        return f"Whether validation accuracy is static cannot be told: {reason}"
    return f"Validation accuracy is static at {shown}"


def _lower(title: str) -> str:
    return title[0].lower() + title[1:]
