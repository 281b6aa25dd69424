"""Tests of framework/diagnose/data/split_artifact.py."""

import numpy as np
import pytest
from framework.diagnose.data.split_artifact import measure, rule
from framework.diagnose.detector import Measures

from framework.data.dataset import Split

_GENERATOR = np.random.Generator(np.random.PCG64(7))


@pytest.fixture
def found(subject):
    """Returns the finding for the labels of two splits."""

    def found(train, validation):
        splits = [
            Split(np.zeros((len(each), 4), np.float32), np.asarray(each, np.int32))
            for each in (train, validation)
        ]
        made = Measures({"labels/illegal": False} | measure(subject(*splits)))
        return rule(made)

    return found


def drawn(count, shares):
    return _GENERATOR.choice(len(shares), count, p=np.array(shares) / sum(shares))


def test_fires_where_the_last_of_sorted_images_were_taken(found):
    labels = np.sort(drawn(1000, [1] * 10))
    finding = found(labels[:800], labels[800:])
    assert (finding.cause, finding.status) == ("split_artifact", "confirmed")
    # Within the last class.
    labels = np.sort(drawn(1000, [1] * 3))
    finding = found(labels[:900], labels[900:])
    assert finding.message == (
        "validation has no image of class0, class1, which training has; images are "
        "stored in the order of their classes"
    )
    assert finding.cost is None


def test_fires_where_training_has_next_to_nothing_of_a_class(found):
    train = np.concatenate([drawn(1000, [1, 1]), [2]])
    assert found(train, drawn(300, [1, 1, 1])).cause == "split_artifact"


@pytest.mark.parametrize(
    ("train", "validation"),
    [
        # The same distribution, even or not, and sorted or not.
        (drawn(1000, [1] * 10), drawn(200, [1] * 10)),
        (drawn(1000, [50, 10, 5, 1]), drawn(200, [50, 10, 5, 1])),
        (np.sort(drawn(1000, [1] * 10)), np.sort(drawn(200, [1] * 10))),
        # So few images that chance leaves classes out.
        (drawn(200, [1] * 100), drawn(50, [1] * 100)),
        (drawn(60, [1] * 10), drawn(20, [1] * 10)),
        # Uneven training, even validation: nothing is absent.
        (drawn(1000, [20, 9, 4, 2, 1]), drawn(250, [1] * 5)),
    ],
)
def test_silent(found, train, validation):
    assert found(train, validation) is None


def test_the_evidence(found):
    finding = found(np.arange(800) // 100, np.arange(700, 1000) // 100)
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


def test_illegal_labels_say_nothing(subject, scans):
    made = Measures({"labels/illegal": True})
    assert rule(made | measure(subject(scans.train, scans.validation))) is None
