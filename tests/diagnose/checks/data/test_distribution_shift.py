"""Tests of framework/diagnose/data/distribution_shift.py."""

import numpy as np
import pytest
from framework.diagnose.data.distribution_shift import change, measure, rule
from framework.diagnose.detector import Measures

from framework import augment
from framework.data.dataset import Split
from framework.data.drawn import drawn_flowers
from framework.diagnose import accuracy
from framework.numerics.intervals import Estimate, proportion

_NONE = Estimate(0.0, 0.0, 0.0)
_KNOWN = {"labels/illegal": False, "mismatch/gain": _NONE, "settings": {}}


@pytest.fixture(scope="module")
def measured(subject):
    def measured(train, validation, dev=None):
        made = subject(train, validation, dev)
        return Measures(_KNOWN | accuracy.measure(made) | measure(made))

    return measured


def flowers(**knobs):
    return drawn_flowers(train=500, validation=400, size=32, **knobs)


@pytest.mark.parametrize(
    ("knobs", "named", "remedy"),
    [
        ({"light": 0.1, "validation_light": 1.5}, "brightness", "brightness"),
        ({"noise": 2.0, "validation_noise": 30.0}, "noise", "noise"),
        ({"blur": 0.3, "validation_blur": 3.0}, "sharpness", "blur"),
        ({"position": 0.02, "validation_position": 0.3}, "position", "shift"),
        ({"temperature": 0.1, "validation_temperature": 1.0}, "colour", "saturation"),
    ],
)
def test_names_what_differs_and_augments_by_it(measured, knobs, named, remedy):
    data = flowers(**knobs)
    made = measured(data.train, data.validation)
    finding = rule(made)
    assert finding.cause == "distribution_shift"
    assert f"differ from training images in {named}" in finding.message.replace(
        "horizontal ", ""
    ).replace("vertical ", "")
    assert finding.remedy.flags[0].startswith(f"--augment={remedy}(")
    assert augment.build(change(made).augment) is not None


def test_images_held_out_decide_where_there_are_any(measured):
    data = flowers(light=0.1, validation_light=1.5)
    train, dev = data.train.take(np.arange(350)), data.train.take(np.arange(350, 500))
    made = measured(train, data.validation, dev)
    finding = rule(made)
    assert finding.status == "confirmed"
    assert finding.cost == made["gap/dev_validation"]


def test_silent_on_healthy_splits(measured, scans):
    data = flowers()
    assert rule(measured(data.train, data.validation)) is None
    assert rule(measured(scans.train, scans.validation)) is None
    # Classes in other shares are no other images.
    data = flowers(imbalance=20)
    assert rule(measured(data.train, data.validation)) is None


def test_flat_features_and_few_images_say_nothing(subject, scans):
    flat = [
        Split(each.images.reshape(len(each), -1), each.labels)
        for each in (scans.train, scans.validation)
    ]
    assert measure(subject(*flat)) == {}
    assert measure(subject(scans.train, scans.validation.take(np.arange(20)))) == {}


def judged(**changes):
    made = Measures(
        _KNOWN
        | {
            "shift/auc": 0.8,
            "shift/p": 0.005,
            "shift/named": {"brightness": 0.75},
            "shift/words": ["brightness (varies 2.6 times as much)"],
            "shift/augment": "brightness((0.3, 2.3))",
            "shift/probe_loss": Estimate(0.2, 0.15, 0.25),
        }
        | changes
    )
    return rule(made)


@pytest.mark.parametrize(
    "changes",
    [
        {"shift/auc": 0.59},
        {"shift/p": 0.02},
        {"shift/probe_loss": Estimate(0.05, 0.02, 0.08)},
        # It differs, and nothing is lost.
        {"gap/dev_validation": Estimate(0.01, -0.02, 0.04)},
        {"mismatch/gain": Estimate(0.5, 0.4, 0.6)},
        {"diversity/repeated": proportion(90, 100)},
        {"labels/illegal": True},
    ],
)
def test_near_misses(changes):
    assert judged() is not None
    assert judged(**changes) is None


def test_what_is_in_place_stays():
    finding = judged(settings={"augment": "flip"})
    assert finding.remedy.flags == ("--augment=flip + brightness((0.3, 2.3))",)


def test_the_evidence():
    finding = judged()
    assert finding.message == (
        "validation images differ from training images in brightness (varies 2.6 times "
        "as much); 20.0% of accuracy is lost in between"
    )
    assert finding.status == "suspected"
    area, alone, loss = finding.evidence
    assert area.threshold == "0.6 or more, p = 0.005 below 0.01"
    assert alone.name == "the same by brightness alone"
    assert loss.threshold == "for certain above 0.03"
