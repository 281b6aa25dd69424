"""Tests of framework/diagnose/report/answer.py."""

import pytest

from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.finding import Finding, Remedy
from framework.diagnose.measure.accuracy import Accuracy, SplitAccuracy
from framework.diagnose.measure.plateau import Plateau
from framework.diagnose.report.answer import answer
from framework.numerics.intervals import Estimate, difference, proportion


def answered(verdict, *findings, right=353, total=359, reason="", detectable=0.027):
    train = SplitAccuracy(100, proportion(99, 100), 0.1, 0.3, 0.25)
    held_out = SplitAccuracy(total, proportion(right, total), 0.9, 0.3, 0.25)
    accuracy = Accuracy(
        classes=4,
        train_clean=train,
        train_dev=None,
        validation=held_out,
        training_mode=train.accuracy,
        gap=difference(train.accuracy, held_out.accuracy),
        gap_to_dev=None,
        gap_from_dev=None,
    )
    plateau = Plateau(
        verdict=verdict,
        reason=reason,
        accuracy=held_out.accuracy,
        evaluations=20,
        window=5,
        change=0.031,
        p=0.5,
        churn=0.1,
        p_pair=0.5,
        detectable=detectable,
        gap=None,
    )
    return answer(plateau, accuracy, findings)


def finding(name, status="confirmed", cost=None, kind="gain"):
    return Finding(CAUSES[name], status, "", (), Remedy(""), "", cost, kind)


@pytest.mark.parametrize(
    ("verdict", "begin"),
    [
        (
            "ceiling",
            "Nothing is wrong: with 359 images, differences under 2.7 points cannot be "
            "seen, and 1.7 are missing.",
        ),
        ("improving", "Nothing is wrong: validation accuracy still rises, by 3.1"),
        ("static", "Validation accuracy is static at 98.3%, and no cause is confirmed"),
        ("diverged", "Training broke off because numbers were no longer finite, and"),
        ("not_static", "Validation accuracy falls, to 98.3%, and no cause"),
    ],
)
def test_without_a_confirmed_cause(verdict, begin):
    assert answered(verdict).startswith(begin)


def test_guessing_is_worded_as_in_the_verdict():
    reason = "validation accuracy, 12.1% of 397 images, is what guessing gives"
    assert answered("at_chance", reason=reason) == (
        "Validation accuracy, 12.1% of 397 images, is what guessing gives, and no "
        "cause is confirmed."
    )


def test_longer_training_is_no_advice_once_it_was_tried_in_vain():
    assert "; train longer." in answered("improving")
    tried = answered("improving", finding("stopped_too_early", "falsified"))
    assert "train longer" not in tried
    assert tried.endswith("but a trial of twice the length gained little.")


def test_as_good_as_on_training_images():
    text = answered("ceiling", right=200, total=359)
    assert text.endswith("validation accuracy, 55.7%, is that of the training images.")


def test_what_cannot_be_told():
    text = answered("unresolvable", reason="cannot tell: 8 images resolve +-30%")
    assert text == (
        "Whether validation accuracy is static cannot be told: 8 images resolve +-30%, "
        "and no cause is confirmed."
    )


@pytest.mark.parametrize("status", ["suspected", "unresolved", "unresolvable"])
def test_a_suspicion_is_no_answer_but_said(status):
    text = answered("ceiling", finding("label_noise", status))
    assert text.startswith("Nothing is shown to be wrong: ")
    assert text.endswith(" The first suspicion: labels are noisy.")


@pytest.mark.parametrize("status", ["falsified", "minor"])
def test_what_is_ruled_out_or_minor_is_not_the_answer(status):
    assert "noisy" not in answered("static", finding("label_noise", status))


@pytest.mark.parametrize(
    ("findings", "text"),
    [
        (
            [finding("label_noise", cost=Estimate(0.12, 0.05, 0.2))],
            "Labels are noisy: this costs 12.0 points of accuracy (5.0 to 20.0).",
        ),
        (
            [
                finding(
                    "split_leakage", cost=Estimate(0.12, 0.05, 0.2), kind="inflation"
                )
            ],
            "Training images are in the validation set: the validation accuracy of "
            "98.3% is not what it seems; it shows 12.0 points of accuracy too many "
            "(5.0 to 20.0).",
        ),
        (
            [finding("split_leakage"), finding("label_noise")],
            "Training images are in the validation set: the validation accuracy of "
            "98.3% is not what it seems. Besides, another cause is confirmed.",
        ),
        (
            [finding("dead_units", cost=Estimate(0.0, -0.1, 0.1))] * 3,
            "Units are dead. Units of a hidden layer are 0 for every image. Besides, 2 "
            "other causes are confirmed.",
        ),
    ],
)
def test_the_first_confirmed_cause_is_the_answer(findings, text):
    assert answered("ceiling", *findings) == text
