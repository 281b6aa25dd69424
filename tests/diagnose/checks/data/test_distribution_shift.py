"""Tests of framework/diagnose/checks/data/distribution_shift.py."""

import dataclasses

import numpy as np
import pytest

from framework import augment
from framework.config import Config
from framework.data.drawn import drawn_flowers
from framework.diagnose.checks.data.distribution_shift import DistributionShift
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.diversity import Diversity
from framework.diagnose.measure.preprocessing import PreprocessingDifference
from framework.diagnose.measure.shift import ProbeLoss, Shift
from framework.numerics.intervals import Estimate, proportion

_SHIFT = Shift(
    auc=0.8,
    p=0.005,
    named={"brightness": 0.75},
    descriptions=("brightness (varies 2.6 times as much)",),
    augment="brightness((0.3, 2.3))",
)
_LOSS = ProbeLoss(Estimate(0.2, 0.15, 0.25))
_DIVERSE = Diversity(proportion(0, 100), proportion(0, 100))


@pytest.fixture(scope="module")
def check(examined, context, preprocessing):
    """Returns the finding for splits that are prepared alike, and diverse."""

    def run(train, validation, dev=None):
        case = context(train, validation, dev)
        return examined(DistributionShift(), case, preprocessing(), _DIVERSE)

    return run


@pytest.fixture
def decided(judged, validity, accuracy, preprocessing):
    """Returns the finding for measurements, some of them replaced."""

    def run(*others, **settings):
        known = validity(), accuracy(), preprocessing(), _DIVERSE, _SHIFT, _LOSS
        # Of one kind the last one counts.
        return judged(DistributionShift(), *known, *others, **settings)

    return run


def flowers(**knobs):
    return drawn_flowers(train=500, validation=400, size=32, **knobs)


@pytest.mark.extended
@pytest.mark.parametrize(
    ("knobs", "name", "remedy"),
    [
        ({"light": 0.1, "validation_light": 1.5}, "brightness", "brightness"),
        ({"noise": 2.0, "validation_noise": 30.0}, "noise", "noise"),
        ({"blur": 0.3, "validation_blur": 3.0}, "sharpness", "blur"),
        ({"position": 0.02, "validation_position": 0.3}, "position", "shift"),
        ({"temperature": 0.1, "validation_temperature": 1.0}, "colour", "saturation"),
    ],
)
def test_names_what_differs_and_augments_by_it(check, knobs, name, remedy):
    data = flowers(**knobs)
    finding = check(data.train, data.validation)
    assert finding.cause.name == "distribution_shift"
    message = finding.message.replace("horizontal ", "").replace("vertical ", "")
    assert f"differ from training images in {name}" in message
    spec = finding.remedy.intervention.augment
    assert spec.startswith(f"{remedy}(")
    assert augment.build(spec) is not None


def test_images_held_out_decide_where_there_are_any(context, examined, preprocessing):
    data = flowers(light=0.1, validation_light=1.5)
    train, dev = data.train.take(np.arange(350)), data.train.take(np.arange(350, 500))
    case = context(train, data.validation, dev)
    finding = examined(DistributionShift(), case, preprocessing(), _DIVERSE)
    assert finding.status == "confirmed"
    assert finding.cost == case.get(Accuracy).gap_from_dev


@pytest.mark.extended
def test_silent_on_healthy_splits(check, scans):
    data = flowers()
    assert check(data.train, data.validation) is None
    assert check(scans.train, scans.validation) is None
    # Classes in other shares are no other images.
    data = flowers(imbalance=20)
    assert check(data.train, data.validation) is None


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(_SHIFT, auc=0.59),
        dataclasses.replace(_SHIFT, p=0.02),
        dataclasses.replace(_SHIFT, named={}),
        ProbeLoss(Estimate(0.05, 0.02, 0.08)),
        Diversity(proportion(0, 100), proportion(90, 100)),
    ],
)
def test_near_misses(decided, other):
    assert decided() is not None
    assert decided(other) is None


def test_silent_where_nothing_is_lost(decided, accuracy):
    held_out = accuracy(gap_from_dev=Estimate(0.01, -0.02, 0.04))
    assert decided(held_out) is None


def test_silent_where_one_transform_mends_accuracy(decided, preprocessing):
    assert decided(preprocessing(Estimate(0.5, 0.4, 0.6))) is None


def test_silent_on_illegal_labels(decided, validity):
    assert decided(validity(outside=1)) is None


def test_fires_without_a_measurement_of_diversity(
    judged, validity, accuracy, preprocessing
):
    known = validity(), accuracy(), preprocessing(), _SHIFT, _LOSS
    assert judged(DistributionShift(), *known).status == "suspected"


def test_the_augmentation_in_place_stays(decided):
    config = Config(augment="flip")
    finding = decided(augment="flip", config=config)
    assert finding.remedy.intervention.augment == "flip + brightness((0.3, 2.3))"
    assert finding.remedy.flags == ("'--augment=flip + brightness((0.3, 2.3))'",)


def test_evidence_and_message(decided):
    finding = decided()
    assert finding.message == (
        "validation images differ from training images in brightness (varies 2.6 times "
        "as much); 20.0% of accuracy is lost in between"
    )
    assert finding.status == "suspected"
    area, p, alone, loss = finding.evidence
    assert str(area.threshold) == "0.6 or more"
    assert p.text == "0.005; below 0.01"
    assert alone.name == "the same by brightness alone"
    assert str(loss.threshold) == "the interval above 3 points"
    assert finding.cost == _LOSS.loss


def test_silent_where_one_split_was_centred(decided):
    assert decided().status == "suspected"
    moved = PreprocessingDifference(0.3, "", _LOSS.loss, is_moved=True)
    assert decided(dataclasses.replace(moved, gain=Estimate(0, 0, 0))) is None


def test_what_only_an_embedding_sees_has_no_augmentation(decided):
    unnamed = dataclasses.replace(_SHIFT, named={}, descriptions=(), augment="")
    assert decided(unnamed) is None
    finding = decided(dataclasses.replace(unnamed, features="9 features of net.keras"))
    assert finding.status == "suspected"
    assert "differ from training images in 9 features of net.keras" in finding.message
    assert finding.remedy.intervention is None
