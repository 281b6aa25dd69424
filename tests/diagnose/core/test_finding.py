"""Tests of framework/diagnose/core/finding.py."""

import json
import re
from pathlib import Path

import pytest

from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.finding import STATUSES, Evidence, Finding, Remedy
from framework.numerics.intervals import Estimate


def finding(**changes):
    fields = {
        "cause": CAUSES["label_noise"],
        "status": "confirmed",
        "message": "a tenth of the labels is wrong",
        "evidence": (
            Evidence("share", Estimate(0.1, 0.05, 0.15), "above .05", "ours"),
            Evidence("worst class", "tulip", "", "the labels"),
            Evidence("z", 12.5, "above 3", "a test"),
        ),
        "remedy": Remedy(
            "correct them", ("--label_smoothing=.1",), ("y_train = corrected",)
        ),
        "refute": "a look at them",
        "cost": Estimate(0.25, 0.125, 0.375),
    }
    return Finding(**{**fields, **changes})


def test_as_json():
    assert json.loads(json.dumps(finding().as_json())) == {
        "cause": "label_noise",
        "status": "confirmed",
        "message": "a tenth of the labels is wrong",
        "cost_kind": "gain",
        "cost_points": 25.0,
        "cost_interval": [12.5, 37.5],
        "evidence": [
            {
                "name": "share",
                "value": 0.1,
                "interval": [0.05, 0.15],
                "threshold": "above .05",
                "source": "ours",
            },
            {
                "name": "worst class",
                "value": "tulip",
                "interval": None,
                "threshold": "",
                "source": "the labels",
            },
            {
                "name": "z",
                "value": 12.5,
                "interval": None,
                "threshold": "above 3",
                "source": "a test",
            },
        ],
        "remedy": {
            "text": "correct them",
            "flags": ["--label_smoothing=.1"],
            "code": ["y_train = corrected"],
            "intervention": None,
        },
        "refute": "a look at them",
    }


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_what_is_not_finite_is_a_word(value):
    """JSON has no number for the gradient of a net that has diverged."""
    content = Evidence("gradient", value, "", "").as_json()
    assert json.loads(json.dumps(content, allow_nan=False))["value"] == str(value)


def test_a_cost_that_was_not_measured_is_none():
    content = finding(cost=None).as_json()
    assert (content["cost_points"], content["cost_interval"]) == (None, None)


def test_the_documentation_lists_all_statuses():
    docs = Path(__file__).parents[3] / "docs"
    page = (docs / "explanation" / "diagnosis.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.M)
    assert rows[: len(STATUSES)] == list(STATUSES.items())
    text = (docs / "reference" / "diagnosis-json.md").read_text()
    assert all(f"`{status}`" in text for status in STATUSES)


def test_other_statuses_are_refused():
    with pytest.raises(ValueError, match="'certain' is not one of"):
        finding(status="certain")


def test_an_unknown_kind_of_number_is_refused():
    with pytest.raises(ValueError, match="'gap' is not one of gain, inflation"):
        finding(cost_kind="gap")
