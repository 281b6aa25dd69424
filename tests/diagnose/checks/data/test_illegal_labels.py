"""Tests of framework/diagnose/data/illegal_labels.py."""

import numpy as np
import pytest
from framework.diagnose.data.illegal_labels import measure, rule
from framework.diagnose.detector import Measures


@pytest.fixture
def found(subject, scans):
    """Returns the finding once the training labels were given in another way."""

    def found(change, validation=lambda labels: labels):
        given = {
            "train": change(scans.train.labels),
            "validation": validation(scans.validation.labels),
        }
        made = subject(scans.train, scans.validation, labels=given)
        return rule(Measures(measure(made)))

    return found


def one_hot(labels):
    return np.eye(10)[labels]


def missing(labels):
    return np.where(np.arange(len(labels)) == 3, np.nan, labels)


@pytest.mark.parametrize(
    "change",
    [
        lambda labels: labels / 255,
        lambda labels: (labels / 255).astype(int),
        lambda labels: labels + 1,
        lambda labels: labels - 1,
        lambda labels: one_hot(labels) * 2,
        lambda labels: one_hot(labels) / 255,
        lambda labels: one_hot(labels) * np.nan,
        missing,
    ],
)
def test_fires(found, change):
    finding = found(change)
    assert (finding.cause, finding.status) == ("illegal_labels", "confirmed")


@pytest.mark.parametrize(
    "change",
    [
        lambda labels: labels,
        lambda labels: labels.astype(np.uint8)[:, None],
        lambda labels: labels.astype(np.float32),
        one_hot,
        # Label smoothing and mixup.
        lambda labels: 0.9 * one_hot(labels) + 0.01,
        lambda labels: 0.3 * one_hot(labels) + 0.7 * one_hot(labels[::-1]),
        # A class less than the model has outputs for.
        lambda labels: np.minimum(labels, 8),
    ],
)
def test_silent(found, change):
    assert found(change) is None
    assert found(lambda labels: labels, change) is None


def test_more_classes_than_outputs_are_no_fault_of_the_labels(subject, scans):
    made = subject(scans.train, scans.validation)
    made.program.kernel = made.program.kernel[:, :1]
    assert rule(Measures(measure(made))) is None


def test_one_sigmoid_may_be_taught_shares(subject, scans):
    for shares, fires in (((0.05, 0.95), False), ((0, 1 / 255), True)):
        given = np.where(scans.train.labels < 5, *shares)
        made = subject(
            scans.train,
            scans.validation,
            labels={"train": given, "validation": scans.validation.labels < 5},
        )
        made.program.kernel = made.program.kernel[:, :1]
        assert (rule(Measures(measure(made))) is not None) == fires


def test_the_evidence(found):
    finding = found(lambda labels: labels / 255)
    assert finding.message == (
        "1,296 of 1,438 train labels are not whole numbers: 0.00392, 0.00784, 0.0118; "
        "as whole numbers all training labels are one class; validation has 10"
    )
    assert [(each.name, each.value) for each in finding.evidence] == [
        ("train labels that are not whole numbers", "1296"),
        ("classes in training, as whole numbers", "1"),
    ]
    assert found(lambda labels: labels + 1).message == (
        "144 of 1,438 train labels name a class that the model has no output for: 10"
    )
