"""A diagnosis: evaluation, the curve, the data, training; in this order."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from framework.diagnose.checks import CHECKS
from framework.diagnose.core import learning_curve
from framework.diagnose.core.budget import Budget
from framework.diagnose.core.check import (
    SEVERAL_LABELS,
    Check,
    Phase,
    Suspicion,
    conclude,
    examine,
    not_applicable,
)
from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.finding import STATUSES, Finding
from framework.diagnose.core.measurement import Measurements, Unavailable, described
from framework.diagnose.core.second_look import SecondLook, is_hidden, look_again
from framework.diagnose.core.together import confirm_together
from framework.diagnose.core.trials import Trials
from framework.diagnose.measure import several_labels
from framework.diagnose.measure.accuracy import Accuracy, CountedMetrics
from framework.diagnose.measure.cross_evaluation import CrossEvaluation
from framework.diagnose.measure.forecast import Forecast
from framework.diagnose.measure.label_signal import LabelSignal
from framework.diagnose.measure.plateau import Plateau
from framework.diagnose.report.diagnosis import Diagnosis
from framework.report.history import Row

# A curve at its ceiling needs no explanation.
_EXPLAINED = ("static", "at_chance", "improving", "not_static", "diverged")
# A training that ended before there was a curve does.
_FEW = 3
# Below this accuracy on training images, a ceiling may be a fault of training.
_FITTED = 0.9

# Checks of how the program trains, which a remedy changes; and measurements that they
# read and it does not: of the labels, and of the curve of the run.
_TRAINED = (Phase.UPDATES, Phase.TRAINING, Phase.STEPS)
_KEPT = (LabelSignal, Plateau)

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
    if context.has_several_labels:
        return _of_several_labels(context, tuple(checks))
    with _no_warnings_of_tracing():
        diagnosis = _Examination(
            context, Budget.parse(budget), progress, tuple(checks)
        ).run()
    return dataclasses.replace(diagnosis, rows=_rows(context))


def _of_several_labels(context: DiagnosisContext, checks: Sequence[Check]) -> Diagnosis:
    """Returns a diagnosis in which no check that needs one label is judged."""
    measured = Measurements(
        context, context.settings, [several_labels.accuracy(context)]
    )
    accuracy = measured.get(Accuracy)
    plateau = several_labels.plateau(context, accuracy, SEVERAL_LABELS)
    results = {check.cause.name: not_applicable(check, True) for check in checks}
    not_judged = {name: each for name, each in results.items() if each is not None}
    rows = _rows(context)
    return Diagnosis(plateau, (), measured, (), not_judged, context, rows)


def _rows(context: DiagnosisContext) -> tuple[Row, ...]:
    """Returns the reported metrics; validation accuracy is counted if none is there."""
    rows = [dict(row) for row in context.rows]
    if len(rows) == len(context.predictions):
        for row, each in zip(rows, context.predictions, strict=True):
            accuracy = float(np.mean(each.is_correct))
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
        begun = time.monotonic()
        progress("predicting all images")
        self._context = context
        self.measured = context.measurements
        for kind in (Accuracy, CrossEvaluation, CountedMetrics):
            self.measured.get(kind)
        self.trials = Trials(context, budget, progress, begun)
        progress(f"plan: {self.trials.plan}")
        self.not_judged: dict[str, Unavailable] = {}
        # Several checks look for some causes; one that could judge is enough.
        self._judged: set[str] = set()
        self._progress, self._checks = progress, checks
        # How many checks have begun; those of training may do so twice.
        self._begun = 0

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
            findings += self._of_training()
            findings = confirm_together(findings, self.trials)
        findings += self._run(Phase.LAST, ("data",))
        if needs_explanation:
            findings += self._run(Phase.LAST, ("evaluation", "training"))
        # With what is left of the budget.
        findings = learning_curve.with_estimate(findings, self.trials)
        findings = _with_untried(findings, self.trials)
        return Diagnosis(
            _revised(plateau, self.trials),
            _one_per_cause(_sorted(_without_yielding(findings))),
            self.measured,
            tuple(self.trials.ledger),
            {
                name: each
                for name, each in self.not_judged.items()
                if each.is_failure or name not in self._judged
            },
            self._context,
        )

    def _run(
        self,
        phase: Phase,
        stages: Sequence[str] = ("evaluation", "data", "training"),
    ) -> list[Finding]:
        checks = (each for each in self._checks if each.phase == phase)
        return self._examined(each for each in checks if each.cause.stage in stages)

    def _examined(
        self, checks: Iterable[Check], look: SecondLook | None = None
    ) -> list[Finding]:
        """Runs checks.

        Args:
            checks: Which, in order.
            look: What they suspect, if the program has been measured anew.
        """
        findings = []
        for check in checks:
            self._begun += 1
            count = max(self._begun, len(self._checks))
            self._progress(
                f"checking {check.cause.name}: {self._begun} of {count}; "
                f"{self.trials.left} of trials left"
            )
            result = self._result(check, look)
            if isinstance(result, Unavailable):
                self.not_judged.setdefault(check.cause.name, result)
                continue
            self._judged.add(check.cause.name)
            if result is not None:
                findings.append(result)
        return findings

    def _result(
        self, check: Check, look: SecondLook | None
    ) -> Finding | Unavailable | None:
        if look is None:
            return examine(check, self.measured, self.trials)
        suspicion = look.suspicions[check]
        if not isinstance(suspicion, Suspicion) or self._is_explained(check):
            return None
        finding = conclude(check, suspicion, look.measured, self.trials)
        if finding is None:
            return None
        evidence = (*finding.evidence, look.evidence())
        return dataclasses.replace(finding, evidence=evidence)

    def _is_explained(self, check: Check) -> bool:
        names = {check.cause.name, *check.cause.explained_by}
        return bool(names & self.measured.confirmed)

    def _of_training(self) -> list[Finding]:
        """Runs the checks of training; again once a remedy has been accepted."""
        checks = [each for each in self._checks if each.phase in _TRAINED]
        findings: list[Finding] = []
        remaining, accepted = list(checks), None
        look: SecondLook | None = None
        while True:
            if self.trials.accepted is not accepted:
                accepted = self.trials.accepted
                if (again := self._second_look(checks)) is not None:
                    # What was tried in vain may help now, but is less likely to.
                    tried = {each.cause.name for each in findings}
                    look = again
                    remaining = sorted(checks, key=lambda c: c.cause.name in tried)
            if not remaining:
                return findings
            findings += self._examined([remaining.pop(0)], look)

    def _second_look(self, checks: Sequence[Check]) -> SecondLook | None:
        """Measures the program with what was accepted; None if it cannot be."""
        accepted = self.trials.accepted
        if accepted is None or self.trials.is_done or not self.trials.can_afford():
            return None
        causes = " and ".join(accepted.causes)
        self._progress(f"measuring again, with the remedy of {causes}")
        try:
            return look_again(self._context, accepted, checks, _KEPT)
        except Exception as problem:
            # The first measurements are there still.
            self._progress(f"not measured again: {described(problem)}")
            return None

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


def _with_untried(findings: Sequence[Finding], trials: Trials) -> list[Finding]:
    """Adds to suspicions what the trial would cost that there was no budget for."""
    tried = {each.name for each in trials.ledger}
    untried = [
        each
        for each in findings
        if each.status == "suspected"
        and each.remedy.intervention is not None
        and each.cause.name not in tried
    ]
    cost = trials.untried(len(untried))
    if cost is None:
        return list(findings)
    return [
        dataclasses.replace(each, evidence=(*each.evidence, cost))
        if each in untried
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
        # What could be seen only once another cause was remedied comes after it.
        follows = bool(confirmed & set(finding.cause.follows_from))
        follows |= is_hidden(finding)
        is_late = not finding.cause.invalidates_accuracy
        return order.index(finding.status), follows, is_late, -cost

    return sorted(findings, key=weight)
