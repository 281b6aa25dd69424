"""Tests of framework/diagnose/data/class_imbalance.py."""

import numpy as np
import pytest
from framework.diagnose.data.class_imbalance import confirm, measure, rule
from framework.diagnose.detector import Measures
from framework.diagnose.repair import Repairs

from framework.data.dataset import Split
from framework.numerics.intervals import Estimate

_KNOWN = {"labels/illegal": False}


def blobs(counts, distance, seed=0):
    """Returns flat features of classes that overlap the more the closer they are."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    features = generator.normal(size=(len(labels), 8)).astype(np.float32)
    features[np.arange(len(labels)), labels] += distance
    return Split(features, labels)


@pytest.fixture
def looked(subject):
    """Returns the finding before and after the experiment."""

    def looked(counts, distance, validation=(200, 200, 200)):
        made = subject(blobs(counts, distance), blobs(validation, distance, 1))
        known = Measures(_KNOWN | measure(made))
        before = rule(known)
        repairs = Repairs(made, 1.0, lambda name: None)
        return before, rule(known | confirm(repairs, known)), made.program.changes

    return looked


def test_fires_where_rare_classes_are_not_learnt(looked):
    before, after, changes = looked((1000, 100, 50), 2.0)
    assert (before.cause, before.status) == ("class_imbalance", "suspected")
    assert after.status == "confirmed"
    assert after.cost.low > 0.03
    assert [each.balance for each in changes] == [True]


def test_fires_where_validation_is_as_uneven(looked):
    before, after, _ = looked((1000, 100, 50), 2.0, (1000, 100, 50))
    assert before.status == "suspected"
    assert after.status == "confirmed"


def test_silent_where_rare_classes_fare_well(looked):
    # Trap H20: ten to one, and a balanced accuracy of .95 and more.
    assert looked((1000, 300, 90), 8.0)[0] is None
    assert looked((1000, 100, 50), 12.0)[0] is None


def test_silent_on_even_classes(looked):
    assert looked((300, 300, 300), 1.0)[0] is None
    assert looked((300, 200, 150), 1.0)[0] is None


def test_the_evidence():
    made = Measures(
        _KNOWN
        | {
            "classes/evenness": 0.3,
            "classes/ratio": 20.0,
            "classes/gap": Estimate(0.2, 0.1, 0.3),
        }
    )
    finding = rule(made)
    assert finding.message == (
        "the most frequent class has 20 times as many training images as the rarest, "
        "and accuracy is 20.0% higher where classes count as often as in training than "
        "where all count the same"
    )
    made["classes/gain"] = Estimate(0.01, -0.02, 0.04)
    finding = rule(made)
    assert finding.status == "falsified"
    assert [each.threshold for each in finding.evidence] == [
        "below 0.5",
        "above 10",
        "the interval above 0, and more than 0.05; decisive for certain above 0.15",
        "the interval above 0, and 3% or more",
    ]


def test_a_wide_gap_is_decisive_though_drawing_more_of_the_same_is_no_help():
    made = Measures(
        _KNOWN
        | {
            "classes/evenness": 0.3,
            "classes/ratio": 20.0,
            "classes/gap": Estimate(0.3, 0.2, 0.4),
            "classes/gain": Estimate(0.01, -0.02, 0.04),
        }
    )
    finding = rule(made)
    assert (finding.status, finding.cost) == ("confirmed", made["classes/gap"])
