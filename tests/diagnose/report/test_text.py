"""Tests of framework/diagnose/report/text.py."""

import dataclasses

import numpy as np
import pytest

from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.finding import Evidence, Finding, Remedy
from framework.diagnose.core.ledger import TrialRecord
from framework.diagnose.core.measurement import Unavailable
from framework.diagnose.core.threshold import above
from framework.diagnose.measure.accuracy import Accuracy, SplitAccuracy
from framework.diagnose.measure.plateau import assess
from framework.diagnose.report.answer import answer
from framework.diagnose.report.reading import reading
from framework.diagnose.report.text import page
from framework.numerics.intervals import Estimate, difference, proportion
from framework.numerics.metrics import Predictions

_FINDING = Finding(
    cause=CAUSES["label_noise"],
    status="confirmed",
    message="a tenth of the labels is wrong " + "and so on " * 10,
    evidence=(
        Evidence("share", Estimate(0.1, 0.05, 0.15), "above .05", "ours"),
        Evidence("worst class", "tulip", "", "the labels"),
        Evidence("z", 12.3456, above(3), "a test"),
    ),
    remedy=Remedy("correct them", ("--label_smoothing=.1",)),
    refute="a look at them",
    cost=Estimate(0.25, 0.125, 0.375),
)
_TRAIN = SplitAccuracy(100, proportion(99, 100), 0.1, 0.3, 0.25)
_VALIDATION = SplitAccuracy(100, proportion(70, 100), 0.9, 0.3, 0.25)
_ACCURACY = Accuracy(
    classes=4,
    train_clean=_TRAIN,
    train_dev=None,
    validation=_VALIDATION,
    training_mode=proportion(99, 100),
    gap=difference(_TRAIN.accuracy, _VALIDATION.accuracy),
    gap_to_dev=None,
    gap_from_dev=None,
)


def text_of(curve, findings, not_judged=None, trials=()):
    return page(curve, _ACCURACY, findings, not_judged or {}, trials)


@pytest.fixture(scope="module")
def curve():
    labels = np.arange(100) % 4
    zeros = np.zeros(100, np.float32)
    wrong = np.where(np.arange(100) < 30, labels + 1, labels)
    return assess([Predictions(labels, wrong, zeros, zeros, zeros)] * 6, 5)


def test_a_page(curve):
    assert text_of(curve, (_FINDING,)).split("\n\n")[3] == (
        "label_noise (confirmed, costs 25.0 points of accuracy (12.5 to 37.5))\n"
        "  a tenth of the labels is wrong and so on and so on and so on and so on and "
        "so on and\n"
        "  so on and so on and so on and so on and so on\n"
        "  evidence: share = 0.1 (0.05 to 0.15); above .05 [ours]\n"
        "  evidence: worst class = tulip [the labels]\n"
        "  evidence: z = 12.3; above 3 [a test]\n"
        "  what to do: correct them\n"
        "    --label_smoothing=.1\n"
        "  would refute it: a look at them\n"
    )


def test_begins_with_the_verdict_and_says_if_nothing_is_certain(curve):
    suspected = dataclasses.replace(_FINDING, status="suspected", cost=None)
    answered, first, second, third = text_of(curve, (suspected,)).split("\n\n")
    assert " ".join(answered.split()) == answer(curve, _ACCURACY, (suspected,))
    assert " ".join(first.split()) == f"verdict: {curve.verdict}: {curve.reason}"
    assert " ".join(second.split()) == reading(_ACCURACY)
    assert "no cause is confirmed." in answered
    assert third.startswith("label_noise (suspected)\n")
    assert "no cause" not in text_of(curve, (_FINDING,))


@pytest.mark.parametrize(
    ("status", "head"),
    [
        ("minor", "(minor: helps, but less than asked, costs 25.0 points of accuracy"),
        ("unresolved", "(unresolved by its trial)"),
    ],
)
def test_a_status_says_what_it_means(curve, status, head):
    finding = dataclasses.replace(_FINDING, status=status)
    text = text_of(curve, (finding,))
    assert f"label_noise {head}" in text
    assert "no cause is confirmed" in " ".join(text.split())


def test_what_is_ruled_out_has_no_advice(curve):
    finding = dataclasses.replace(_FINDING, status="falsified")
    text = text_of(curve, (finding,))
    assert "what to do" not in text
    assert "--label_smoothing" not in text
    assert "would refute" not in text
    section = text.split("\n\n")[-1]
    assert section.startswith("ruled out:\n  label_noise: a tenth of the labels")
    assert section.endswith("but: z = 12.3; above 3 [a test]\n")


def test_what_is_shown_too_much_is_no_cost(curve):
    finding = dataclasses.replace(_FINDING, cost_kind="inflation")
    head = "label_noise (confirmed, shows 25.0 points of accuracy too many (12.5 to"
    assert head in text_of(curve, (finding,))


def test_trials_that_failed_are_listed(curve):
    trials = (
        TrialRecord("overfitting", 1.0, 2.0, Estimate(0.1, 0.0, 0.2)),
        TrialRecord("dead_units", 0.0, 2.0, None, "it has failed: out of memory"),
    )
    assert text_of(curve, (), None, trials).split("\n\n")[-1] == (
        "not measured:\n  trial of dead_units: it has failed: out of memory\n"
    )
    assert "not measured" not in text_of(curve, (), None, trials[:1])


def test_one_page_has_one_accuracy_or_says_why_not(curve):
    assert "the last evaluation has" not in text_of(curve, ())
    other = dataclasses.replace(curve, accuracy=proportion(869, 1000))
    second = " ".join(text_of(other, ()).split("\n\n")[2].split())
    assert second.endswith(
        "(the last evaluation has 86.9%, in the verdict; 70.0% are of the weights as "
        "they are now, on 100 images)"
    )


def test_no_line_is_too_long(curve):
    text = text_of(curve, (_FINDING,) * 2)
    assert max(map(len, text.splitlines())) <= 88


def test_code_is_shown_where_there_are_no_flags(curve):
    remedy = Remedy("correct them", (), ("y_train = corrected",))
    finding = dataclasses.replace(_FINDING, remedy=remedy)
    assert "correct them\n    y_train = corrected\n" in text_of(curve, (finding,))


def test_failures_come_before_what_does_not_apply(curve):
    not_judged = {
        "dead_units": Unavailable("UnitActivity", "no images", is_failure=False),
        "label_noise": Unavailable("Samples", "KeyError", is_failure=True),
    }
    assert text_of(curve, (), not_judged).split("\n\n")[-1] == (
        "not judged:\n"
        "  label_noise: Samples failed: KeyError\n"
        "  dead_units: no images\n"
    )
