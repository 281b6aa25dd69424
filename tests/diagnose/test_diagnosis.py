"""Tests of framework/diagnose/diagnosis.py."""

import contextlib
import dataclasses
import json
import logging
import types

import numpy as np
import pytest

from framework.diagnose import diagnosis
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import Decision
from framework.diagnose.core.finding import ImageList
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurement, NotApplicableError
from framework.diagnose.core.second_look import is_hidden
from framework.diagnose.diagnosis import diagnose
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.plateau import Plateau, assess
from framework.numerics.intervals import Estimate
from framework.numerics.metrics import Predictions


def stub(cause, phase=Phase.DATA, status="confirmed", cost=None):
    """Returns a check with a fixed result."""
    estimate = None if cost is None else Estimate(cost, cost - 0.01, cost + 0.01)

    @dataclasses.dataclass(frozen=True)
    class Stub(Check):
        cause_name = cause

        def suspect(self, measured):
            is_certain = status == "confirmed"
            return Suspicion("", (), "", "", is_certain=is_certain, cost=estimate)

        def decide(self, suspicion, measured, trials):
            return Decision(status, estimate)

        def has_decided(self, trials):
            return True

    Stub.phase = phase
    return Stub()


def curve_of(accuracies, labels):
    evaluations = []
    for accuracy in accuracies:
        wrong = np.arange(len(labels)) >= accuracy * len(labels)
        predicted = np.where(wrong, (labels + 1) % 10, labels).astype(np.int32)
        zeros = np.zeros(len(labels), np.float32)
        evaluations.append(
            Predictions(labels, predicted, wrong.astype(int), zeros, zeros)
        )
    return evaluations


@pytest.fixture(scope="module")
def run(context, scans):
    """Diagnoses a linear program with a curve, by some checks."""

    def run(accuracies, checks):
        labels = scans.validation.labels
        made = context(
            scans.train, scans.validation, predictions=curve_of(accuracies, labels)
        )
        return diagnose(made, checks=checks)

    return run


def causes(result):
    return [finding.cause.name for finding in result.findings]


def test_findings_are_ordered_by_certainty_and_cost(run):
    result = run(
        [0.7] * 6,
        [
            stub("unshuffled_batches", Phase.EVALUATION, "falsified", 0.5),
            stub("validation_too_small"),
            stub("class_imbalance", status="suspected"),
            stub("dead_units", cost=0.1),
            stub("illegal_labels"),
            stub("split_leakage", cost=0.05),
            stub("distribution_shift", cost=0.3),
        ],
    )
    assert causes(result) == [
        # With these accuracy is not what it seems to be.
        "illegal_labels",
        "split_leakage",
        "distribution_shift",
        "dead_units",
        "class_imbalance",
        "unshuffled_batches",
        # Images that have shown what others cost are enough.
        "validation_too_small",
    ]
    confirmed = [finding.cause.name for finding in result.confirmed]
    assert causes(result)[:4] == confirmed


@pytest.mark.parametrize(
    ("accuracies", "verdict", "needs_explanation"),
    [
        ([0.7] * 6, "static", True),
        ([0.1] * 6, "at_chance", True),
        ([0.3, 0.4, 0.5, 0.6, 0.7, 0.8], "improving", True),
        ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], "not_static", True),
        ([1.0] * 6, "ceiling", False),
        # Before there is a curve, nobody knows.
        ([0.7] * 2, "unresolvable", True),
    ],
)
def test_training_is_examined_where_accuracy_does_not_move(
    run, accuracies, verdict, needs_explanation
):
    result = run(
        accuracies,
        [
            stub("metric_bug", Phase.EVALUATION),
            stub("class_imbalance"),
            stub("wrong_variables", Phase.UPDATES),
            stub("bad_initialization", Phase.TRAINING),
            stub("dead_units", Phase.STEPS),
            stub("label_noise", Phase.LAST),
            stub("stopped_too_early", Phase.LAST),
        ],
    )
    assert result.plateau.verdict == verdict
    always = {"metric_bug", "class_imbalance", "label_noise"}
    training = {
        "wrong_variables",
        "bad_initialization",
        "dead_units",
        "stopped_too_early",
    }
    expected = always | training if needs_explanation else always
    assert set(causes(result)) == expected


def test_void_labels_leave_training_unexamined(run):
    checks = [stub("shuffled_labels"), stub("dead_units", Phase.TRAINING)]
    assert causes(run([0.1] * 6, checks)) == ["shuffled_labels"]


def test_as_json(run):
    result = run([0.7] * 6, [stub("label_noise", cost=0.2)])
    value = json.loads(json.dumps(result.as_json(), allow_nan=False))
    assert list(value) == [
        "format",
        "verdict",
        "plateau",
        "findings",
        "reading",
        "measurements",
        "unavailable",
        "not_judged",
        "trials",
    ]
    assert value["plateau"]["verdict"] == value["verdict"]
    assert value["findings"][0]["cause"] == "label_noise"
    assert value["reading"].startswith("training images ")
    clean = value["measurements"]["Accuracy"]["train_clean"]
    assert list(clean["accuracy"]) == ["value", "interval"]


def test_measurements_are_kept(run):
    result = run([0.7] * 6, [])
    assert result.measured.get(Plateau).verdict == "static"
    assert result.measured.get(Accuracy).classes == 10
    assert result.measured.settings.batch_size == 32


class Broken(Measurement):
    """A measurement that was sabotaged."""

    @classmethod
    def measure(cls, context):
        raise KeyError("rate/frist")


class Inapplicable(Measurement):
    @classmethod
    def measure(cls, context):
        raise NotApplicableError("there are no images")


def needing(cause, kind):
    check = stub(cause)
    type(check).suspect = lambda self, measured: measured.get(kind)
    return check


def test_a_cause_that_another_check_could_judge_is_judged(run):
    checks = [
        needing("split_leakage", Inapplicable),
        stub("split_leakage", cost=0.2),
        needing("class_imbalance", Inapplicable),
    ]
    result = run([0.7] * 6, checks)
    assert causes(result) == ["split_leakage"]
    assert list(result.not_judged) == ["class_imbalance"]
    # A failure is reported all the same.
    failed = run([0.7] * 6, [needing("split_leakage", Broken), *checks[1:]])
    assert list(failed.not_judged) == ["split_leakage", "class_imbalance"]


def test_a_broken_measurement_is_reported_and_hides_no_other_cause(run):
    result = run(
        [0.7] * 6,
        [
            needing("unnormalized_inputs", Broken),
            needing("class_imbalance", Inapplicable),
            stub("split_leakage", cost=0.2),
        ],
    )
    assert causes(result) == ["split_leakage"]
    value = result.as_json()
    broken = value["not_judged"]["unnormalized_inputs"]
    assert broken["measurement"] == "Broken"
    assert broken["is_failure"]
    assert broken["reason"].startswith("KeyError: 'rate/frist' (test_diagnosis.py:")
    assert not value["not_judged"]["class_imbalance"]["is_failure"]
    assert [each["measurement"] for each in value["unavailable"]] == [
        "Broken",
        "Inapplicable",
    ]
    text = " ".join(str(result).split())
    assert "unnormalized_inputs: Broken failed: KeyError: 'rate/frist'" in text
    assert "class_imbalance: there are no images" in text


def test_there_is_one_finding_per_cause(run):
    result = run(
        [0.7] * 6,
        [
            stub("dead_units", status="falsified"),
            stub("class_imbalance", cost=0.1),
            stub("dead_units", Phase.TRAINING, cost=0.3),
        ],
    )
    assert causes(result) == ["dead_units", "class_imbalance"]
    assert {finding.status for finding in result.findings} == {"confirmed"}


def test_tensorflow_may_warn_afterwards_as_before(run):
    logger = logging.getLogger("tensorflow")
    before = logger.level
    run([0.7] * 6, [])
    assert logger.level == before


def test_a_metric_follows_from_the_outputs_that_it_counts(run):
    checks = [
        stub("metric_bug", Phase.EVALUATION),
        stub("loss_output_mismatch", Phase.TRAINING, cost=0.3),
    ]
    assert causes(run([0.7] * 6, checks)) == ["loss_output_mismatch", "metric_bug"]


def test_random_validation_follows_from_data_divided_anew(run):
    checks = [
        stub("random_validation", Phase.EVALUATION),
        stub("split_leakage", Phase.DATA),
    ]
    assert causes(run([0.7] * 6, checks)) == ["split_leakage", "random_validation"]


@pytest.mark.parametrize(("cost", "status"), [(0.1, "falsified"), (0.0, "confirmed")])
def test_images_are_enough_where_they_have_shown_a_cost(run, cost, status):
    checks = [
        stub("validation_too_small"),
        stub("dead_units", Phase.TRAINING, cost=cost),
    ]
    result = run([0.7] * 6, checks)
    statuses = {each.cause.name: each.status for each in result.findings}
    assert statuses["validation_too_small"] == status


@pytest.mark.parametrize(
    ("verdict", "has_gained", "expected"),
    [
        ("ceiling", True, "static"),
        ("ceiling", False, "ceiling"),
        ("improving", True, "improving"),
    ],
)
def test_a_ceiling_is_none_once_a_trial_has_reached_more(verdict, has_gained, expected):
    plateau = assess(curve_of([0.7] * 6, np.arange(1000) % 10), 10)
    plateau = dataclasses.replace(plateau, verdict=verdict)
    revised = diagnosis._revised(plateau, types.SimpleNamespace(has_gained=has_gained))
    assert revised.verdict == expected
    is_other = revised.reason == "70.0%, as on training images; it can be more"
    assert is_other == (verdict != expected)


def listing(cause, status):
    """Returns a check whose remedy leaves images out."""
    images = ImageList("flagged", np.array([3, 1]), np.array([0, 0]), "odd")
    check = stub(cause, status=status)

    @dataclasses.dataclass(frozen=True)
    class Listing(type(check)):
        def suspect(self, measured):
            suspicion = super().suspect(measured)
            return dataclasses.replace(suspicion, images=lambda: images)

    return Listing()


def test_images_that_a_remedy_leaves_out_are_told(run):
    result = run([0.7] * 6, [listing("label_noise", "confirmed"), stub("dead_units")])
    assert result.excluded("label_noise").tolist() == [3, 1]
    assert result.excluded("dead_units").tolist() == []
    assert result.excluded("overfitting").tolist() == []
    code = result.findings[0].remedy.code
    assert any("diagnosis.excluded('label_noise')" in line for line in code)


def test_a_cause_that_is_falsified_lists_no_images(run):
    result = run([0.7] * 6, [listing("label_noise", "falsified")])
    assert result.excluded("label_noise").tolist() == []
    assert result.findings[0].remedy.code == ()


def looking(cause, phase, sees, certain=False):
    """Returns a check that suspects its cause where `sees(settings)`."""

    @dataclasses.dataclass(frozen=True)
    class Looking(Check):
        cause_name = cause

        def suspect(self, measured):
            remedy = Intervention(balance=True) if certain else None
            if not sees(measured.settings):
                return None
            return Suspicion("", (), "", "", intervention=remedy, is_certain=certain)

    Looking.phase = phase
    return Looking()


def test_once_a_cause_is_mended_everything_is_looked_at_again(context, scans):
    """What it has hidden is seen; what it has feigned is not."""
    labels = scans.validation.labels
    made = context(
        scans.train, scans.validation, predictions=curve_of([0.7] * 6, labels)
    )

    @contextlib.contextmanager
    def mended(intervention, result):
        assert intervention.balance
        settings = dataclasses.replace(made.settings, epochs=result.epochs)
        yield dataclasses.replace(made, settings=settings, mended=None)

    made = dataclasses.replace(made, mended=mended)
    whole = made.settings.epochs
    checks = [
        looking("wrong_variables", Phase.UPDATES, lambda s: s.epochs < whole),
        looking("loss_output_mismatch", Phase.TRAINING, lambda s: True, certain=True),
        looking("dead_units", Phase.STEPS, lambda s: s.epochs == whole),
    ]
    lines = []
    result = diagnose(made, checks=checks, progress=lines.append)
    assert causes(result) == ["loss_output_mismatch", "wrong_variables"]
    first, hidden = result.findings
    assert not is_hidden(first)
    assert is_hidden(hidden)
    assert "measuring again, with the remedy of loss_output_mismatch" in lines
    # Without a way to measure it, the first measurements count.
    made = dataclasses.replace(made, mended=None)
    result = diagnose(made, checks=checks, progress=lines.append)
    assert causes(result) == ["loss_output_mismatch", "dead_units"]
    assert lines[-1].startswith(("not measured again", "checking", "trial"))


def test_what_there_is_no_budget_for_says_what_it_would_cost(context, scans):
    made = context(scans.train, scans.validation, settings={"steps_per_epoch": 2_000})

    @dataclasses.dataclass(frozen=True)
    class Costly(Check):
        cause_name = "class_imbalance"
        phase = Phase.TRAINING

        def suspect(self, measured):
            remedy = Intervention(balance=True)
            return Suspicion("", (), "", "", intervention=remedy)

    (finding,) = diagnose(made, 0.0, checks=[Costly()]).findings
    assert finding.status == "suspected"
    assert finding.evidence[-1].source == (
        "it would take 3.33 epochs; a budget of 0.33 tries it"
    )
    (finding,) = diagnose(made, 1.0, checks=[Costly()]).findings
    assert finding.status != "suspected"
