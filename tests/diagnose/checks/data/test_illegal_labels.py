"""Tests of framework/diagnose/checks/data/illegal_labels.py."""

import numpy as np
import pytest

from framework.diagnose.checks.data.illegal_labels import IllegalLabels


@pytest.fixture
def check(examined, context, scans):
    """Returns the finding once the labels were given in another way."""

    def run(change, validation=lambda labels: labels):
        given = {
            "train": change(scans.train.labels),
            "validation": validation(scans.validation.labels),
        }
        case = context(scans.train, scans.validation, labels=given)
        return examined(IllegalLabels(), case)

    return run


def one_hot(labels):
    return np.eye(10)[labels]


def with_nan(labels):
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
        with_nan,
    ],
)
def test_illegal_labels_are_confirmed(check, change):
    finding = check(change)
    assert (finding.cause.name, finding.status) == ("illegal_labels", "confirmed")


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
def test_silent_on_legal_labels(check, change):
    assert check(change) is None
    assert check(lambda labels: labels, change) is None


def test_evidence_and_message(check):
    finding = check(lambda labels: labels / 255)
    assert finding.message == (
        "1,296 of 1,438 train labels are not whole numbers: 0.00392, 0.00784, 0.0118; "
        "as whole numbers all training labels are one class; validation has 10"
    )
    assert [(each.name, each.value) for each in finding.evidence] == [
        ("train labels that are not whole numbers", "1296"),
        ("classes in training, as whole numbers", "1"),
    ]
    assert check(lambda labels: labels + 1).message == (
        "144 of 1,438 train labels are classes that the model has no output for: 10"
    )
