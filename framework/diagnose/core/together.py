"""Applies all remedies at once that did not help alone, if nothing else helped.

Faults that hide each other are seen in no other way.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Mapping

from framework.diagnose.core.decision import is_gain, threshold
from framework.diagnose.core.finding import Evidence, Finding
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.diagnose.core.trials import Trials
from framework.numerics.intervals import Estimate, paired_difference

_RATES = ("learning_rate_too_high", "learning_rate_too_low")


def confirm_together(findings: list[Finding], trials: Trials) -> list[Finding]:
    """Confirms findings whose remedies help together, where none did alone."""
    untried = {
        each.cause.name: each.remedy.intervention
        for each in findings
        if each.status == "suspected"
        and each.remedy.intervention is not None
        # The trials of such a cause have controls of their own.
        and each.remedy.images is None
    }
    minimum = trials.minimum_gain
    names, gain = run_together(trials, untried)
    if gain is None:
        return findings
    shown = Evidence(
        "gain in validation accuracy of all remedies together",
        gain,
        threshold(minimum),
        f"{' and '.join(sorted(names))} at once; none was seen to help alone",
    )
    return [
        dataclasses.replace(
            each, status="confirmed", cost=gain, evidence=(*each.evidence, shown)
        )
        if each.cause.name in names
        else each
        for each in findings
    ]


def run_together(
    trials: Trials, untried: Mapping[str, Intervention] | None = None
) -> tuple[set[str], Estimate | None]:
    """Applies all interventions at once that failed alone, if nothing else helped.

    The trainings of the budget may be exceeded, once anything was tried, but no limit
    of seconds. Without a change of the learning rate first: wrong steps are often a
    consequence.

    Args:
        trials: Runs the trials, and knows which have failed.
        untried: Interventions by cause that there was no budget for.

    Returns:
        The names that are needed for the gain of all, and that gain; none if there is
        no gain, or nothing to try.
    """
    candidates = {**(untried or {}), **dict(trials.failed)}
    # One cannot raise a rate and lower it.
    if "learning_rate_too_low" in candidates:
        candidates.pop("learning_rate_too_high", None)
    least = 1 if trials.has_accepted else 2
    if trials.has_gained or len(candidates) < least or not trials.ledger:
        return set(), None
    # On too few images, as where most may be copies, no gain counts.
    if not trials.can_judge:
        return set(), None
    # Of two, neither is left out: both have failed alone.
    rest = len(candidates) if len(candidates) > 2 else 0
    if not trials.fits(1 + rest):
        return set(), None
    others = {name: each for name, each in candidates.items() if name not in _RATES}
    result: TrialResult | None = None
    gain: Estimate | None = None
    if least <= len(others) < len(candidates):
        result, gain = _gaining(trials, others, "all but the rate")
    if result is not None:
        candidates = others
    elif len(others) == len(candidates) or len(others) < least or trials.can_afford():
        result, gain = _gaining(trials, candidates, "all together")
    if result is None:
        return set(), None
    for name in list(candidates) if len(candidates) > 2 else []:
        others = {key: each for key, each in candidates.items() if key != name}
        fewer = _all(trials, others, f"all but {name}")
        if fewer and not is_gain(
            paired_difference(trials.correct_of(result), trials.correct_of(fewer))
        ):
            candidates, result = others, fewer
    result = dataclasses.replace(result, name=" and ".join(candidates))
    trials.accept(result, functools.reduce(operator.or_, candidates.values()))
    return set(candidates), gain


def _gaining(
    trials: Trials, interventions: Mapping[str, Intervention], name: str
) -> tuple[TrialResult | None, Estimate | None]:
    """Returns the result of several interventions, and its gain, if it is one."""
    result = _all(trials, interventions, name)
    if result is None or not is_gain(trials.gain(result), trials.minimum_gain):
        return None, None
    return result, trials.gain(result)


def _all(
    trials: Trials, interventions: Mapping[str, Intervention], name: str
) -> TrialResult | None:
    try:
        return trials.train(
            name, functools.reduce(operator.or_, interventions.values())
        )
    except NotApplicableError:
        return None
