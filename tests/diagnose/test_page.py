"""Tests of framework/diagnose/page.py."""

import dataclasses

import numpy as np
import pytest
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.gate import gate
from framework.diagnose.page import page

from framework.diagnose import matrix
from framework.diagnose.diagnosis import Diagnosis
from framework.numerics.intervals import Estimate, proportion
from framework.numerics.metrics import Predictions

_FINDING = Finding(
    cause="label_noise",
    status="confirmed",
    message="a tenth of the labels is wrong " + "and so on " * 10,
    evidence=(
        Evidence("share", Estimate(0.1, 0.05, 0.15), "above .05", "ours"),
        Evidence("worst class", "tulip", "", "the labels"),
        Evidence("z", 12.3456, "above 3", "a test"),
    ),
    remedy=Remedy("correct them", ("--label_smoothing=.1",)),
    refute="a look at them",
    cost=Estimate(0.25, 0.125, 0.375),
)
_MEASURES = Measures(
    {
        "clean/accuracy": proportion(99, 100),
        "validation/accuracy": proportion(70, 100),
        "clean/majority": 0.25,
    }
)


@pytest.fixture(scope="module")
def curve():
    labels = np.arange(100) % 4
    zeros = np.zeros(100, np.float32)
    wrong = np.where(np.arange(100) < 30, labels + 1, labels)
    return gate([Predictions(labels, wrong, zeros, zeros, zeros)] * 6, 5)


def test_a_page(curve):
    assert page(Diagnosis(curve, (_FINDING,), _MEASURES)).split("\n\n")[2] == (
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
    first, second, third, fourth = page(
        Diagnosis(curve, (suspected,), _MEASURES)
    ).split("\n\n")
    assert " ".join(first.split()) == f"verdict: {curve.verdict}: {curve.reason}"
    assert " ".join(second.split()) == matrix.reading(_MEASURES)
    assert third == "No cause is confirmed."
    assert fourth.startswith("label_noise (suspected)\n")
    assert "No cause" not in page(Diagnosis(curve, (_FINDING,), _MEASURES))


def test_no_line_is_too_long(curve):
    text = page(Diagnosis(curve, (_FINDING,) * 2, _MEASURES))
    assert max(map(len, text.splitlines())) <= 88
