"""Tests of framework/diagnose/checks/data/split_artifact.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.checks.data.split_artifact import SplitArtifact
from framework.diagnose.measure.labels import SplitComposition
from framework.numerics.intervals import proportion

_GENERATOR = np.random.Generator(np.random.PCG64(7))


@pytest.fixture
def check(examined, context):
    """Returns the finding for the labels of two splits."""

    def run(train, validation):
        splits = [
            Split(np.zeros((len(each), 4), np.float32), np.asarray(each, np.int32))
            for each in (train, validation)
        ]
        return examined(SplitArtifact(), context(*splits))

    return run


def draw(count, weights):
    return _GENERATOR.choice(len(weights), count, p=np.array(weights) / sum(weights))


def test_confirmed_where_the_last_of_sorted_images_were_taken(check):
    labels = np.sort(draw(1000, [1] * 10))
    finding = check(labels[:800], labels[800:])
    assert (finding.cause.name, finding.status) == ("split_artifact", "confirmed")
    # Within the last class.
    labels = np.sort(draw(1000, [1] * 3))
    finding = check(labels[:900], labels[900:])
    assert finding.message == (
        "validation has no image of class0, class1, which training has; images are "
        "stored in the order of their classes"
    )
    assert finding.cost is None


def test_confirmed_where_training_has_next_to_nothing_of_a_class(check):
    train = np.concatenate([draw(1000, [1, 1]), [2]])
    assert check(train, draw(300, [1, 1, 1])).cause.name == "split_artifact"


@pytest.mark.parametrize(
    ("train", "validation"),
    [
        # The same distribution, even or not, and sorted or not.
        (draw(1000, [1] * 10), draw(200, [1] * 10)),
        (draw(1000, [50, 10, 5, 1]), draw(200, [50, 10, 5, 1])),
        (np.sort(draw(1000, [1] * 10)), np.sort(draw(200, [1] * 10))),
        # So few images that chance leaves classes out.
        (draw(200, [1] * 100), draw(50, [1] * 100)),
        (draw(60, [1] * 10), draw(20, [1] * 10)),
        # Uneven training, even validation: nothing is absent.
        (draw(1000, [20, 9, 4, 2, 1]), draw(250, [1] * 5)),
    ],
)
def test_silent_where_no_class_is_absent(check, train, validation):
    assert check(train, validation) is None


def test_evidence_and_message(check):
    finding = check(np.arange(800) // 100, np.arange(700, 1000) // 100)
    assert finding.message == (
        "66.7% of the validation images are of classes that training never shows: "
        "class8, class9; validation has no image of class0, class1, class2, class3, "
        "class4 and others, which training has; images are stored in the order of "
        "their classes"
    )
    unseen, distance, p, order = finding.evidence
    assert str(unseen.value) == "0.667 (0.612 to 0.718)"
    assert finding.cost == unseen.value
    assert distance.value == pytest.approx(0.875)
    assert p.value < 1e-9
    assert order.value > 2


@pytest.mark.parametrize(("outside", "fires"), [(0, True), (1, False)])
def test_silent_on_illegal_labels(judged, validity, outside, fires):
    splits = SplitComposition(proportion(200, 300), "8, 9", "", 0.8, 1e-9, 0.0)
    finding = judged(SplitArtifact(), validity(outside), splits)
    assert (finding is not None) == fires
