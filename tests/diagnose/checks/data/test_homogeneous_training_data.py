"""Tests of framework/diagnose/checks/data/homogeneous_training_data.py."""

import numpy as np
import pytest

from framework import augment
from framework.data.drawn import drawn_flowers
from framework.data.split import Split
from framework.diagnose.checks.data.homogeneous_training_data import (
    HomogeneousTrainingData,
)
from framework.diagnose.measure.diversity import Diversity
from framework.numerics.intervals import Estimate, proportion

_NO_GAIN = Estimate(0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def check(examined, context, preprocessing, accuracy):
    """Returns the finding for two splits, with a gap in accuracy."""

    def run(train, validation):
        known = preprocessing(), accuracy(gap=Estimate(0.3, 0.2, 0.4))
        return examined(HomogeneousTrainingData(), context(train, validation), *known)

    return run


@pytest.fixture(scope="module")
def decided(judged, preprocessing, accuracy):
    """Returns the finding for a number of 500 images, and for a least gap."""

    def run(uncovered, repeated, gap=0.2, gain=_NO_GAIN, **settings):
        return judged(
            HomogeneousTrainingData(),
            Diversity(proportion(uncovered, 500), proportion(repeated, 500)),
            preprocessing(gain),
            accuracy(gap=Estimate(gap + 0.1, gap, gap + 0.2)),
            **settings,
        )

    return run


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


def test_copies_of_a_few_are_confirmed(check, flowers, scans):
    for data in (flowers, scans):
        finding = check(copies(data.train, 20), data.validation)
        assert finding.cause.name == "homogeneous_training_data"
        assert finding.status == "confirmed"


def test_silent_on_healthy_images_however_few(check, flowers, scans):
    for data in (flowers, scans):
        assert check(data.train, data.validation) is None
        assert check(data.train.take(np.arange(60)), data.validation) is None


@pytest.mark.extended
def test_another_light_or_camera_is_a_shift(check):
    for knobs in (
        {"light": 0.1, "validation_light": 1.5},
        {"noise": 2.0, "validation_noise": 30.0},
    ):
        data = drawn_flowers(train=400, validation=300, size=32, **knobs)
        assert check(data.train, data.validation) is None


def test_the_remedy_augments_on_top_of_what_is_in_place(decided):
    intervention = decided(400, 400, augment="flip").remedy.intervention
    assert set(intervention.differences()) == {"augment"}
    assert intervention.augment.startswith("flip + rotate(15)")
    assert augment.build(intervention.augment) is not None


@pytest.mark.parametrize(
    ("uncovered", "repeated", "fires"),
    [(400, 400, True), (400, 90, False), (75, 400, False)],
)
def test_both_must_hold(decided, uncovered, repeated, fires):
    assert (decided(uncovered, repeated) is not None) == fires


def test_silent_where_one_transform_mends_accuracy(decided):
    assert decided(400, 400, gain=Estimate(0.2, 0.1, 0.3)) is None


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
def test_only_much_of_both_is_decisive(decided, uncovered, repeated, gap, status):
    assert decided(uncovered, repeated, gap).status == status


def test_evidence_and_message(decided):
    finding = decided(400, 250)
    assert finding.message == (
        "50.0% of the training images nearly repeat another one, and 80.0% of the "
        "validation images are unlike all of them"
    )
    assert [str(each.threshold) for each in finding.evidence] == [
        "the interval above 0.2; decisive above 0.5",
        "the interval above 0.15; decisive above 0.5",
        "the interval above 10 points, for the others to be decisive",
    ]
