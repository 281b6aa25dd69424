"""Tests of framework/diagnose/core/check.py."""

import dataclasses
import types
from typing import ClassVar

import pytest

from framework.config import Config
from framework.diagnose.checks import CHECKS
from framework.diagnose.core.check import (
    Check,
    Phase,
    Suspicion,
    examine,
    not_applicable,
)
from framework.diagnose.core.decision import Decision
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import (
    Measurement,
    Measurements,
    NotApplicableError,
    Unavailable,
)
from framework.diagnose.diagnosis import diagnose
from framework.numerics.intervals import Estimate

_COST, _GAIN = Estimate(0.3, 0.2, 0.4), Estimate(0.1, 0.05, 0.15)


@dataclasses.dataclass(frozen=True)
class Number(Measurement):
    """A number of the context."""

    value: float

    @classmethod
    def measure(cls, context):
        context.calls.append("Number")
        if isinstance(context.number, Exception):
            raise context.number
        return cls(context.number)


def suspicion(**changes):
    fields = {"message": "it is so", "evidence": (), "advice": "", "refute": ""}
    return Suspicion(**{**fields, **changes})


@dataclasses.dataclass(frozen=True)
class Suspecting(Check):
    """Suspects where the number is not 0."""

    cause_name: ClassVar[str] = "label_noise"
    phase: ClassVar[Phase] = Phase.DATA
    result: Suspicion | None = None

    def suspect(self, measured):
        return self.result if measured.get(Number).value else None


class Trials:
    """Confirms whatever is tried."""

    def __init__(self, is_done=False):
        self.is_done = is_done
        self.run_with, self.applied = [], []

    def run(self, name, intervention):
        self.run_with.append((name, intervention.differences()))
        return Decision("confirmed", _GAIN)

    def apply(self, name, intervention):
        self.applied.append((name, intervention.differences()))
        return Decision("confirmed", _GAIN)


@pytest.fixture
def see(settings):
    """Makes what checks see of a number, or of an exception."""

    def make(number=3.0, **changes):
        made = types.SimpleNamespace(number=number, calls=[])
        return Measurements(made, settings(**changes))

    return make


_DROPOUT = Intervention(dropout=0.5)
_TRIED = ("label_noise", {"dropout": 0.5})


def test_a_measurement_is_made_once_for_all_checks(see):
    measured = see()
    for _ in range(2):
        assert examine(Suspecting(), measured, Trials()) is None
    assert measured._context.calls == ["Number"]
    assert measured.reported == {"Number": Number(3.0)}


@pytest.mark.parametrize(
    ("problem", "is_failure", "reason"),
    [
        # What a model does not take is not measured.
        (NotApplicableError("there is none"), False, "there is none"),
        # What fails must not pass for nothing.
        (ValueError("a bug"), True, "ValueError: a bug"),
    ],
)
def test_nothing_is_judged_without_its_measurement(see, problem, is_failure, reason):
    measured = see(problem)
    check = Suspecting(suspicion())
    for _ in range(2):
        result = examine(check, measured, Trials())
        assert isinstance(result, Unavailable)
        assert (result.name, result.is_failure) == ("Number", is_failure)
        assert result.reason.startswith(reason)
    assert len(measured.unavailable) == 1
    assert measured.find(Number) is None


def test_without_a_suspicion_there_is_nothing_to_report(see):
    assert examine(Suspecting(suspicion()), see(0.0), Trials()) is None


def test_a_suspicion_is_tried_and_what_is_certain_applied(see):
    trials, measured = Trials(), see()
    finding = examine(Suspecting(suspicion(intervention=_DROPOUT)), measured, trials)
    assert (finding.status, finding.cost) == ("confirmed", _GAIN)
    assert (trials.run_with, trials.applied) == ([_TRIED], [])
    assert measured.confirmed == {"label_noise"}
    # For what comes after it.
    trials = Trials()
    certain = suspicion(intervention=_DROPOUT, is_certain=True)
    finding = examine(Suspecting(certain), see(), trials)
    assert (finding.status, finding.cost) == ("confirmed", _GAIN)
    assert (trials.run_with, trials.applied) == ([], [_TRIED])


def test_a_measured_cost_is_not_replaced_by_a_gain(see):
    certain = suspicion(intervention=_DROPOUT, is_certain=True, cost=_COST)
    assert examine(Suspecting(certain), see(), Trials()).cost == _COST
    # That of a trial is.
    tried = suspicion(intervention=_DROPOUT, cost=_COST)
    assert examine(Suspecting(tried), see(), Trials()).cost == _GAIN


def test_a_suspicion_without_an_intervention_stays_one(see):
    finding = examine(Suspecting(suspicion(cost=_COST)), see(), Trials())
    assert (finding.status, finding.cost) == ("suspected", _COST)


@pytest.mark.parametrize(("least", "status"), [(2.0, "confirmed"), (4.0, "falsified")])
def test_a_check_can_decide_by_itself(see, least, status):
    class Deciding(Suspecting):
        def decide(self, suspicion, measured, trials):
            is_more = measured.get(Number).value > least
            other = Intervention(weight_decay=0.1)
            status = "confirmed" if is_more else "falsified"
            return Decision(status, _GAIN, intervention=other)

    finding = examine(Deciding(suspicion(intervention=_DROPOUT)), see(), Trials())
    assert (finding.status, finding.cost) == (status, _GAIN)
    # What was tried is the remedy.
    assert finding.remedy.intervention.differences() == {"weight_decay": 0.1}


def test_suspicions_are_dropped_once_all_is_explained(see):
    trials = Trials(is_done=True)
    for each in (suspicion(intervention=_DROPOUT), suspicion()):
        assert examine(Suspecting(each), see(), trials) is None
    assert trials.run_with == []
    certain = suspicion(is_certain=True)
    assert examine(Suspecting(certain), see(), trials).status == "confirmed"


def test_what_inflates_accuracy_is_decided_all_the_same(see):
    class Inflating(Suspecting):
        inflates_accuracy: ClassVar[bool] = True

    check = Inflating(suspicion(intervention=_DROPOUT))
    assert examine(check, see(), Trials(is_done=True)).status == "confirmed"


def test_what_has_been_decided_is_reported_all_the_same(see):
    class Decided(Suspecting):
        def has_decided(self, trials):
            return True

    check = Decided(suspicion(intervention=_DROPOUT))
    assert examine(check, see(), Trials(is_done=True)).status == "confirmed"


def test_what_is_explained_by_another_cause_is_not_suspected(see):
    class Explained(Suspecting):
        cause_name: ClassVar[str] = "overfitting"

    measured = see()
    measured.confirmed.add("label_noise")
    assert examine(Explained(suspicion()), measured, Trials()) is None


def test_the_remedy_is_the_intervention_in_all_its_forms(see):
    slower = Intervention(learning_rate_factor=0.1)
    check = Suspecting(suspicion(intervention=slower, advice="slower", code=("x = 1",)))
    config = Config(learning_rate=0.05)
    measured = see(config=config, learning_rate=0.05, highest_rate=0.05)
    remedy = examine(check, measured, Trials()).remedy
    assert (remedy.text, remedy.intervention) == ("slower", slower)
    assert remedy.flags == ("--learning_rate=0.005",)
    assert remedy.code == ("model.optimizer.learning_rate = 0.005", "x = 1")
    # A Keras program has no flags.
    assert examine(check, see(), Trials()).remedy.flags == ()


def test_progress_names_what_is_checked(context, scans):
    lines = []
    made = context(scans.train, scans.validation)
    made.measurements._results[Number] = Number(0.0)
    diagnose(made, progress=lines.append, checks=[Suspecting()])
    assert lines[-1].startswith("checking label_noise: 1 of 1; ")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.cause_name)
def test_no_check_of_one_label_is_applied_to_several(check):
    actual = not_applicable(check, has_several_labels=True)
    if check.takes_several_labels:
        assert actual is None
        return
    assert (actual.name, actual.is_failure) == (check.cause_name, False)
    assert actual.reason == "several labels per example"
    assert not_applicable(check, has_several_labels=False) is None
