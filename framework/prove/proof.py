"""Proves remedies by a plan: trains arms, looks, and stops at the first proven."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from framework.numerics.intervals import Estimate, difference, proportion
from framework.prove import statistics, verdict
from framework.prove.manipulation import Check
from framework.prove.plan import RULER_FIXING, Comparison, Plan
from framework.prove.refusals import RefusedError
from framework.prove.run_arms import Outcome
from framework.prove.statistics import Gain
from framework.prove.verdict import SUCCESSES, Agreement, Verdict

# Measures the changes of a remedy, by the folders of its arm and of the unchanged
# program, by seed.
Checker = Callable[[Comparison, Sequence[Path], Sequence[Path]], tuple[Check, ...]]


class Trained(Protocol):
    """Arms that can be trained; see `framework.prove.run_arms.Arms`."""

    def train(self, runs: Sequence[tuple[str, int]]) -> None:
        """Trains and judges arms, unless that has been done already."""
        ...

    def outcome(self, arm: str, seed: int) -> Outcome:
        """Returns the outcome of a trained arm."""
        ...

    def folder(self, arm: str, seed: int) -> Path:
        """Returns the folder of an arm."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What the proof of one remedy has come to.

    Attributes:
        comparison: The remedy and its controls.
        verdict: The verdict.
        seeds: The most seeds of an arm; 0 if nothing was trained.
        outcomes: By arm, of each seed; a control that is decided needs no more.
        gains: By control; no placebo where it was not needed.
        agreement: Of validation and test, for a remedy that fixes the ruler.
        checks: Whether the change has changed what it should, with the first seed.
    """

    comparison: Comparison
    verdict: Verdict
    seeds: int
    outcomes: Mapping[str, Sequence[Outcome]]
    gains: Mapping[str, Gain]
    agreement: Agreement | None
    checks: tuple[Check, ...]

    @property
    def is_success(self) -> bool:
        """Whether the remedy is proven."""
        return self.verdict.name in SUCCESSES


def prove(
    plan: Plan,
    arms: Trained,
    check: Checker,
    looked: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Proves the remedies of a plan in order, up to the first that is proven.

    Args:
        plan: The plan, which is frozen.
        arms: Trains the arms.
        check: Checks what a remedy has changed.
        looked: Called with the result of each look.
    """
    results = []
    for comparison in plan.comparisons:
        results.append(_compare(plan, comparison, arms, check, looked))
        if results[-1].is_success:
            break
    return results


def _compare(
    plan: Plan,
    comparison: Comparison,
    arms: Trained,
    check: Checker,
    looked: Callable[[Result], None],
) -> Result:
    """Proves one remedy: looks until the verdict is final."""
    if comparison.cause in plan.refused:
        return _untried(comparison, verdict.refused(plan.refused[comparison.cause]))
    if comparison.kind == RULER_FIXING and not plan.is_untouched:
        reason = "without a test part, nothing shows whether validation tells the truth"
        return _untried(comparison, Verdict("unresolved", reason))
    try:
        return _looked_at(plan, comparison, arms, check, looked)
    except RefusedError as problem:
        if problem.arm != comparison.remedy:
            raise
        return _untried(comparison, verdict.refused(problem.reason))


def _untried(comparison: Comparison, decided: Verdict) -> Result:
    """Returns the result of a remedy of which nothing was trained."""
    return Result(comparison, decided, 0, {}, {}, None, ())


def _looked_at(
    plan: Plan,
    comparison: Comparison,
    arms: Trained,
    check: Checker,
    looked: Callable[[Result], None],
) -> Result:
    """Trains the arms of one remedy, and looks until the verdict is final."""
    looks = {comparison.unchanged: 0}
    result = _against(plan, comparison, arms, looks, looked)
    if result.verdict.needs_placebo:
        # A gain that is certain stays so: the unchanged program is not trained again.
        looks[comparison.placebo] = 0
        result = _against(plan, comparison, arms, looks, looked)
    return _checked(result, check, arms, plan.seeds)


def _against(
    plan: Plan,
    comparison: Comparison,
    arms: Trained,
    looks: dict[str, int],
    looked: Callable[[Result], None],
) -> Result:
    """Looks at a remedy beside its last control until that comparison is decided.

    Args:
        plan: The plan.
        comparison: The remedy and its controls.
        arms: Trains the arms.
        looks: The place in `plan.looks` of the last look at each control; that of the
            last one is changed.
        looked: Called with the result of each look.
    """
    control = [*looks][-1]
    for place, look in enumerate(plan.looks):
        looks[control] = place
        seeds = plan.seeds[:look]
        names = comparison.remedy, control
        arms.train([(name, seed) for seed in seeds for name in names])
        result = _result(plan, comparison, arms, looks)
        if result.verdict.needs_placebo:
            return result
        looked(result)
        if result.verdict.is_final:
            return result
        if _is_futile(plan, result, control, place):
            futile = verdict.futile(result.verdict, plan.looks[-1])
            return dataclasses.replace(result, verdict=futile)
    return result


def _is_futile(plan: Plan, result: Result, control: str, place: int) -> bool:
    """Returns whether no later look would decide; see `statistics.can_decide`."""
    looks, levels = plan.looks[place + 1 :], plan.levels[place + 1 :]
    # The distance of validation and test is no gain.
    if not looks or result.agreement is not None:
        return False
    return not statistics.can_decide(result.gains[control].seeds, looks, levels)


def _checked(
    result: Result, check: Checker, arms: Trained, seeds: Sequence[int]
) -> Result:
    """Adds the manipulation checks; without the change there is no proof."""
    # The remedy may have more seeds: those beside the placebo.
    pairs = seeds[: len(result.outcomes[result.comparison.unchanged])]
    folders = [
        [arms.folder(name, seed) for seed in pairs]
        for name in (result.comparison.remedy, result.comparison.unchanged)
    ]
    checks = check(result.comparison, *folders)
    failed = [each.what for each in checks if each.is_met is False]
    decided = result.verdict
    if failed and result.is_success:
        reason = f"the change did not change what it should: {', '.join(failed)}"
        decided = Verdict("unresolved", reason)
    return dataclasses.replace(result, checks=checks, verdict=decided)


def _result(
    plan: Plan, comparison: Comparison, arms: Trained, looks: Mapping[str, int]
) -> Result:
    """Computes what the numbers of some arms say.

    Args:
        plan: The plan.
        comparison: The remedy and its controls.
        arms: The arms, which are trained.
        looks: The place in `plan.looks` of the last look at each control.
    """
    counts = {name: plan.looks[place] for name, place in looks.items()}
    counts = {comparison.remedy: max(counts.values()), **counts}
    outcomes = {
        name: [arms.outcome(name, seed) for seed in plan.seeds[:count]]
        for name, count in counts.items()
    }
    values = {
        name: np.array([each.values for each in results])
        for name, results in outcomes.items()
    }
    own = values[comparison.remedy]
    gains = {
        name: statistics.paired_gain(
            own[: counts[name]], values[name], plan.levels[place], plan.swing
        )
        for name, place in looks.items()
    }
    agreement = None
    if comparison.kind == RULER_FIXING:
        level = plan.levels[looks[comparison.unchanged]]
        agreement = _agreement(plan, comparison, outcomes, level)
        decided = verdict.of_agreement(agreement)
    else:
        placebo = gains.get(comparison.placebo)
        decided = verdict.of_gains(gains[comparison.unchanged], placebo)
    seeds = counts[comparison.remedy]
    return Result(comparison, decided, seeds, outcomes, gains, agreement, ())


def _agreement(
    plan: Plan,
    comparison: Comparison,
    outcomes: Mapping[str, Sequence[Outcome]],
    level: float,
) -> Agreement:
    """Returns how far validation and test are apart, unchanged and remedied."""
    before, distances = _apart(plan, outcomes[comparison.unchanged])
    after, others = _apart(plan, outcomes[comparison.remedy])
    return Agreement(before, after, statistics.over_seeds(distances - others, level))


def _apart(plan: Plan, outcomes: Sequence[Outcome]) -> tuple[Estimate, np.ndarray]:
    """Returns how far validation and test are apart: their mean, and of each seed.

    Returns:
        Validation less test, with the interval of other images of both; and the
        distance with each seed, float64 [S].
    """
    validation = np.array([each.validation for each in outcomes])
    test = np.array([each.values.mean() for each in outcomes])
    means = [
        proportion(round(float(mean) * images), images)
        for mean, images in (
            (validation.mean(), plan.data["validation"]["images"]),
            (test.mean(), plan.data["test"]["images"]),
        )
    ]
    return difference(means[0], means[1]), np.abs(validation - test)
