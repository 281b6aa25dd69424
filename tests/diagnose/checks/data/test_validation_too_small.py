"""Tests of framework/diagnose/checks/data/validation_too_small.py."""

import dataclasses

import pytest

from framework.config import Config
from framework.diagnose.checks.data.validation_too_small import ValidationTooSmall


@pytest.fixture
def check(judged, accuracy, split_accuracy):
    """Returns the finding for a validation set with this number of correct ones."""

    def run(correct, total):
        validation = split_accuracy(correct, total)
        known = dataclasses.replace(accuracy(), validation=validation)
        return judged(ValidationTooSmall(), known)

    return run


@pytest.mark.parametrize(("correct", "total"), [(7, 19), (32, 63), (86, 171), (38, 39)])
def test_confirmed_where_fifteen_points_stay_unseen(check, correct, total):
    finding = check(correct, total)
    assert (finding.cause.name, finding.status) == ("validation_too_small", "confirmed")


@pytest.mark.parametrize(
    ("correct", "total"),
    # The last two are near misses; of a good model fewer images are enough.
    [(5000, 10_000), (225, 500), (355, 360), (100, 200), (62, 63)],
)
def test_silent_where_they_are_seen(check, correct, total):
    assert check(correct, total) is None


def test_evidence_and_message(check):
    finding = check(32, 63)
    assert finding.message == (
        "63 validation images resolve accuracy to +-12.0%: one image is 1.6%, and of "
        "two models one must be 25.0% better for it to be seen"
    )
    accuracy, least = finding.evidence
    assert str(accuracy.value) == "0.508 (0.388 to 0.627)"
    assert least.value == pytest.approx(0.2495, abs=1e-4)


@pytest.mark.parametrize(
    ("correct", "total", "enough"), [(32, 63, 175), (38, 39, 40), (86, 171, 175)]
)
def test_as_many_as_are_enough_are_asked_for(check, correct, total, enough):
    text = check(correct, total).remedy.text
    assert text.startswith(f"use {enough} validation images or more, or score by")
    assert check(correct * enough // total, enough) is None


@pytest.mark.parametrize(
    ("dataset", "has_flag"),
    [("folder('a')", True), ("digits", True), ("arrays('a.npz')", False)],
)
def test_a_run_is_told_what_decides_their_number(
    judged, accuracy, split_accuracy, dataset, has_flag
):
    known = dataclasses.replace(accuracy(), validation=split_accuracy(32, 63))
    config = Config(dataset=dataset)
    text = judged(ValidationTooSmall(), known, config=config).remedy.text
    assert ("validation=... in --dataset" in text) == has_flag
