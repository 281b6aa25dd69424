"""Tests of framework/diagnose/data/homogeneous_training_data.py."""

import numpy as np
import pytest
from framework.diagnose.data.homogeneous_training_data import change, measure, rule
from framework.diagnose.detector import Measures

from framework import augment
from framework.data.dataset import Split
from framework.data.drawn import drawn_flowers
from framework.numerics.intervals import Estimate, proportion

_KNOWN = {
    "mismatch/gain": Estimate(0.0, 0.0, 0.0),
    "gap/clean_validation": Estimate(0.3, 0.2, 0.4),
    "settings": {},
}


@pytest.fixture(scope="module")
def found(subject):
    def found(train, validation):
        return rule(Measures(_KNOWN | measure(subject(train, validation))))

    return found


def copies(split, count):
    """Returns as many images, all of them nearly copies of a few."""
    generator = np.random.default_rng(0)
    rows = generator.choice(generator.permutation(len(split))[:count], len(split))
    noise = generator.normal(0, 4, split.images.shape)
    images = np.clip(split.images[rows] + noise, 0, 255).astype(np.uint8)
    return Split(images, split.labels[rows])


@pytest.fixture(scope="module")
def flowers():
    return drawn_flowers(train=400, validation=300, size=32)


def test_fires_on_copies_of_a_few(found, flowers, scans):
    for data in (flowers, scans):
        finding = found(copies(data.train, 20), data.validation)
        assert (finding.cause, finding.status) == (
            "homogeneous_training_data",
            "confirmed",
        )


def test_silent_on_healthy_ones_however_few(found, flowers, scans):
    for data in (flowers, scans):
        assert found(data.train, data.validation) is None
        assert found(data.train.take(np.arange(60)), data.validation) is None


def test_another_light_or_camera_is_a_shift(found):
    for knobs in (
        {"light": 0.1, "validation_light": 1.5},
        {"noise": 2.0, "validation_noise": 30.0},
    ):
        data = drawn_flowers(train=400, validation=300, size=32, **knobs)
        assert found(data.train, data.validation) is None


def test_what_would_mend_it():
    made = Measures({"settings": {"augment": "flip"}})
    assert change(made).augment.startswith("flip + rotate(15)")
    assert augment.build(change(made).augment) is not None


def judged(uncovered, repeated, gap=0.2):
    return rule(
        Measures(
            _KNOWN
            | {
                "gap/clean_validation": Estimate(gap + 0.1, gap, gap + 0.2),
                "diversity/uncovered": proportion(uncovered, 500),
                "diversity/repeated": proportion(repeated, 500),
            }
        )
    )


@pytest.mark.parametrize(
    ("uncovered", "repeated", "fires"),
    [(400, 400, True), (400, 90, False), (75, 400, False)],
)
def test_both_must_hold(uncovered, repeated, fires):
    assert (judged(uncovered, repeated) is not None) == fires


@pytest.mark.parametrize(
    ("uncovered", "repeated", "gap", "status"),
    [
        (400, 400, 0.2, "confirmed"),
        (400, 250, 0.2, "suspected"),
        (250, 400, 0.2, "suspected"),
        # What they do not show does no harm.
        (400, 400, 0.05, "suspected"),
    ],
)
def test_only_much_of_both_is_decisive(uncovered, repeated, gap, status):
    assert judged(uncovered, repeated, gap).status == status


def test_the_evidence():
    finding = judged(400, 250)
    assert finding.message == (
        "50.0% of the training images nearly repeat another one, and 80.0% of the "
        "validation images are unlike all of them"
    )
    assert [each.threshold for each in finding.evidence] == [
        "for certain above 0.2; decisive above 0.5",
        "for certain above 0.15; decisive above 0.5",
        "for certain above 0.1, for the others to be decisive",
    ]
