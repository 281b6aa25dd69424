"""A diagnosis: evaluation, the curve, the data, training; in this order."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from framework.diagnose.checks import CHECKS
from framework.diagnose.core import learning_curve
from framework.diagnose.core.budget import Budget
from framework.diagnose.core.check import Check, Phase, examine
from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.decision import threshold
from framework.diagnose.core.finding import STATUSES, Evidence, Finding
from framework.diagnose.core.measurement import Unavailable
from framework.diagnose.core.trials import Trials
from framework.diagnose.measure.accuracy import Accuracy, CountedMetrics
from framework.diagnose.measure.cross_evaluation import CrossEvaluation
from framework.diagnose.measure.forecast import Forecast
from framework.diagnose.measure.plateau import Plateau
from framework.diagnose.report.diagnosis import Diagnosis
from framework.report.history import Row

# A curve at its ceiling needs no explanation.
_EXPLAINED = ("static", "at_chance", "improving", "not_static", "diverged")
# A training that ended before there was a curve does.
_FEW = 3
# Below this accuracy on training images, a ceiling may be a fault of training.
_FITTED = 0.9

Progress = Callable[[str], None]


def diagnose(
    context: DiagnosisContext,
    budget: Budget | float | str = 1.0,
    progress: Progress = lambda line: None,
    checks: Iterable[Check] = CHECKS,
) -> Diagnosis:
    """Returns why validation accuracy is static, if it is.

    Args:
        context: The program, its data and its history.
        budget: How much trials may train, as a multiple of the original training, or
            "60s": then no trial is started that would end later.
        progress: Called with a line about each step.
        checks: The checks in order, such as ones with other thresholds.
    """
    with _no_warnings_of_tracing():
        diagnosis = _Examination(
            context, Budget.parse(budget), progress, tuple(checks)
        ).run()
    return dataclasses.replace(diagnosis, rows=_rows(context))


def _rows(context: DiagnosisContext) -> tuple[Row, ...]:
    """Returns the reported metrics; validation accuracy is counted if none is there."""
    rows = [dict(row) for row in context.rows]
    if len(rows) == len(context.predictions):
        for row, each in zip(rows, context.predictions, strict=True):
            accuracy = float(np.mean(each.predicted == each.labels))
            row.setdefault("validation/accuracy", accuracy)
    # Of a run that has died before its first evaluation, one is only planned.
    end = context.settings.diverged_in or math.inf
    return tuple(row for row in rows if row["step"] <= end)


class _Examination:
    """One diagnosis under way."""

    def __init__(
        self,
        context: DiagnosisContext,
        budget: Budget,
        progress: Progress,
        checks: tuple[Check, ...],
    ):
        progress("predicting all images")
        self._context = context
        self.measured = context.measurements
        for kind in (Accuracy, CrossEvaluation, CountedMetrics):
            self.measured.get(kind)
        self.trials = Trials(context, budget, progress)
        progress(f"plan: {self.trials.plan}")
        self.not_judged: dict[str, Unavailable] = {}
        self._progress, self._checks = progress, checks

    def run(self) -> Diagnosis:
        """Runs all phases, and returns the result."""
        findings = self._run(Phase.EVALUATION)
        plateau = self.measured.get(Plateau)
        if plateau.verdict == "improving":
            # What gains no more than more of the same would do explains nothing.
            forecast = self.measured.find(Forecast)
            self.trials.expected = max(forecast.gain.high, 0.0) if forecast else 0.0
        findings += self._run(Phase.DATA)
        needs_explanation = self._needs_explanation(plateau, findings)
        if needs_explanation:
            for phase in (Phase.UPDATES, Phase.TRAINING, Phase.STEPS):
                findings += self._run(phase)
            findings = _together(findings, self.trials)
        findings += self._run(Phase.LAST, ("data",))
        if needs_explanation:
            findings += self._run(Phase.LAST, ("evaluation", "training"))
        # With what is left of the budget.
        findings = learning_curve.with_estimate(findings, self.trials)
        return Diagnosis(
            _revised(plateau, self.trials),
            _one_per_cause(_sorted(_without_yielding(findings))),
            self.measured,
            tuple(self.trials.ledger),
            self.not_judged,
            self._context,
        )

    def _run(
        self,
        phase: Phase,
        stages: Sequence[str] = ("evaluation", "data", "training"),
    ) -> list[Finding]:
        findings = []
        for check in self._checks:
            if check.phase != phase or check.cause.stage not in stages:
                continue
            self._progress(f"checking {check.cause.name}")
            result = examine(check, self.measured, self.trials)
            if isinstance(result, Unavailable):
                self.not_judged.setdefault(check.cause.name, result)
            elif result is not None:
                findings.append(result)
        return findings

    def _needs_explanation(self, plateau: Plateau, findings: Sequence[Finding]) -> bool:
        """Returns whether there is anything that training could be at fault for."""
        if any(each.cause.voids_training for each in findings if _is_confirmed(each)):
            return False
        if plateau.verdict in _EXPLAINED or plateau.evaluations < _FEW:
            return True
        # A set too small to show small changes can still show large ones; and what is
        # not learnt on training images either may be a ceiling, or a fault of training.
        return self.measured.get(Accuracy).train_clean.accuracy.value < _FITTED


@contextlib.contextmanager
def _no_warnings_of_tracing() -> Iterator[None]:
    """Suppresses TensorFlow's warning of functions retraced for each trial."""
    logger = logging.getLogger("tensorflow")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _is_confirmed(finding: Finding) -> bool:
    return finding.status == "confirmed"


def _revised(plateau: Plateau, trials: Trials) -> Plateau:
    """Returns the verdict, revised by the accuracy that trials have reached."""
    if plateau.verdict != "ceiling" or not trials.has_gained:
        return plateau
    reason = f"{plateau.accuracy.value:.1%}, as on training images; it can be more"
    return dataclasses.replace(plateau, verdict="static", reason=reason)


def _without_yielding(findings: Sequence[Finding]) -> list[Finding]:
    """Falsifies findings that yield to others with a measured cost."""
    others_cost = any(
        _is_confirmed(each)
        and not each.cause.yields_to_others
        and each.cost is not None
        and each.cost.low > 0
        for each in findings
    )
    return [
        dataclasses.replace(each, status="falsified")
        if others_cost and each.cause.yields_to_others
        else each
        for each in findings
    ]


def _one_per_cause(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Returns the first finding of each cause; several checks can look for one."""
    first = {each.cause.name: each for each in reversed(findings)}
    return tuple(each for each in findings if first[each.cause.name] is each)


def _together(findings: list[Finding], trials: Trials) -> list[Finding]:
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
    names, gain = trials.run_together(untried)
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


def _sorted(findings: Sequence[Finding]) -> list[Finding]:
    """Returns findings in the order of reading: certain and expensive first."""
    confirmed = {each.cause.name for each in findings if _is_confirmed(each)}
    order = list(STATUSES)

    def weight(finding: Finding) -> tuple[int, bool, bool, float]:
        cost = finding.cost.value if finding.cost else 1.0
        if finding.cause.yields_to_others:
            cost = 0.0
        follows = bool(confirmed & set(finding.cause.follows_from))
        is_late = not finding.cause.invalidates_accuracy
        return order.index(finding.status), follows, is_late, -cost

    return sorted(findings, key=weight)
