"""Tests of framework/diagnose/diagnosis.py."""

import dataclasses
import logging
import types

import numpy as np
import pytest
from framework.diagnose.detector import Detector
from framework.diagnose.finding import Finding, Remedy
from framework.diagnose.gate import gate

from framework.diagnose import data, diagnosis, process, ruler
from framework.diagnose.diagnosis import diagnose
from framework.numerics.intervals import Estimate
from framework.numerics.metrics import Predictions


def looks(cause, status="confirmed", cost=None):
    """Returns a detector that finds what it is told to."""
    if cost is not None:
        cost = Estimate(cost, cost - 0.01, cost + 0.01)
    found = Finding(cause, status, "", (), Remedy(""), "", cost)
    return Detector(lambda measures: found)


@pytest.fixture
def detectors(monkeypatch):
    """Replaces all detectors, by the name of their list."""

    def replace(**lists):
        names = {"ruler": (ruler, "DETECTORS"), "updates": (ruler, "UPDATES")}
        names |= {"data": (data, "DETECTORS"), "process": (process, "DETECTORS")}
        names |= {"last": (process, "LAST"), "data_last": (data, "LAST")}
        for name, (module, attribute) in names.items():
            monkeypatch.setattr(module, attribute, lists.get(name, ()))

    return replace


def curve(subject, accuracies):
    """Returns predictions of the subject's validation images."""
    return curve_of(accuracies, subject.validation.labels)


def curve_of(accuracies, labels):
    found = []
    for accuracy in accuracies:
        wrong = np.arange(len(labels)) >= accuracy * len(labels)
        predicted = np.where(wrong, (labels + 1) % 10, labels).astype(np.int32)
        zeros = np.zeros(len(labels), np.float32)
        found.append(Predictions(labels, predicted, wrong.astype(int), zeros, zeros))
    return found


@pytest.fixture(scope="module")
def made(subject, scans):
    def made(accuracies):
        first = subject(scans.train, scans.validation)
        found = curve(first, accuracies)
        return subject(scans.train, scans.validation, predictions=found)

    return made


def causes(diagnosis):
    return [each.cause for each in diagnosis.findings]


def test_findings_come_by_certainty_and_then_by_what_they_cost(detectors, made):
    detectors(
        ruler=[looks("unshuffled_batches", "falsified", 0.5)],
        data=[
            looks("validation_too_small"),
            looks("label_noise", "suspected"),
            looks("dead_units", cost=0.1),
            looks("illegal_labels"),
            looks("split_leakage", cost=0.05),
            looks("class_imbalance", cost=0.3),
        ],
    )
    found = diagnose(made([0.7] * 6))
    assert causes(found) == [
        # With these accuracy is not what it is taken for.
        *("illegal_labels", "split_leakage"),
        *("class_imbalance", "dead_units", "label_noise", "unshuffled_batches"),
        # Images that have shown what others cost are enough.
        "validation_too_small",
    ]
    assert causes(found)[:4] == [each.cause for each in found.confirmed]


@pytest.mark.parametrize(
    ("accuracies", "verdict", "asked"),
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
def test_training_is_looked_at_where_accuracy_does_not_move(
    detectors, made, accuracies, verdict, asked
):
    detectors(
        ruler=[looks("metric_bug")],
        data=[looks("label_noise")],
        updates=[looks("wrong_variables")],
        process=[looks("dead_units")],
        last=[looks("overfitting")],
    )
    found = diagnose(made(accuracies))
    always = {"metric_bug", "label_noise"}
    training = {"wrong_variables", "dead_units", "overfitting"} if asked else set()
    assert set(causes(found)) == always | training


def test_labels_that_say_nothing_leave_nothing_to_blame_training_for(detectors, made):
    detectors(data=[looks("shuffled_labels")], process=[looks("dead_units")])
    assert causes(diagnose(made([0.1] * 6))) == ["shuffled_labels"]


def test_as_json(detectors, made):
    detectors(data=[looks("label_noise")])
    found = diagnose(made([0.7] * 6)).as_json()
    assert list(found) == [
        *("format", "verdict", "gate", "findings", "reading", "measurements")
    ]
    assert found["format"] == 1
    assert found["gate"]["verdict"] == found["verdict"]
    assert found["findings"][0]["cause"] == "label_noise"
    assert found["reading"].startswith("training images ")
    accuracy = found["measurements"]["clean/accuracy"]
    assert list(accuracy) == ["value", "interval"]


def test_what_was_measured_is_kept(detectors, made):
    detectors(data=[Detector(lambda measures: None, lambda subject: {"a": 1})])
    found = diagnose(made([0.7] * 6))
    assert found.measures["a"] == 1
    assert found.measures["gate"] is found.gate
    assert found.measures["settings"]["batch_size"] == 32


def test_there_is_one_finding_a_cause_however_many_look_for_it(detectors, made):
    detectors(
        data=[looks("dead_units", "falsified"), looks("overfitting", cost=0.1)],
        process=[looks("dead_units", cost=0.3)],
    )
    found = diagnose(made([0.7] * 6))
    assert causes(found) == ["dead_units", "overfitting"]
    assert {each.status for each in found.findings} == {"confirmed"}


def test_tensorflow_may_warn_afterwards_as_before(detectors, made):
    detectors()
    logger = logging.getLogger("tensorflow")
    before = logger.level
    diagnose(made([0.7] * 6))
    assert logger.level == before


def test_a_metric_follows_from_the_outputs_it_counts(detectors, made):
    mismatch = looks("loss_output_mismatch", cost=0.3)
    detectors(ruler=[looks("metric_bug")], process=[mismatch])
    found = diagnose(made([0.7] * 6))
    assert causes(found) == ["loss_output_mismatch", "metric_bug"]


@pytest.mark.parametrize(("cost", "status"), [(0.1, "falsified"), (0.0, "confirmed")])
def test_images_are_enough_where_they_have_shown_a_cost(detectors, made, cost, status):
    small = looks("validation_too_small")
    detectors(data=[small], process=[looks("dead_units", cost=cost)])
    found = {each.cause: each.status for each in diagnose(made([0.7] * 6)).findings}
    assert found["validation_too_small"] == status


@pytest.mark.parametrize(
    ("verdict", "gained", "wanted"),
    [
        ("ceiling", True, "static"),
        ("ceiling", False, "ceiling"),
        ("improving", True, "improving"),
    ],
)
def test_a_ceiling_is_none_once_training_has_reached_more(verdict, gained, wanted):
    curve = gate(curve_of([0.7] * 6, np.arange(1000) % 10), 10)
    curve = dataclasses.replace(curve, verdict=verdict)
    found = diagnosis._revised(curve, types.SimpleNamespace(has_gained=gained))
    assert found.verdict == wanted
    assert (found.reason == "70.0%, as on training images; it can be more") == (
        verdict != wanted
    )
