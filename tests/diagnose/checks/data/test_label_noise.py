"""Tests of framework/diagnose/data/label_noise.py."""

import types

import numpy as np
import pytest
from framework.diagnose.data import label_noise
from framework.diagnose.data.label_noise import measure, rule
from framework.diagnose.detector import Measures

from framework.data.dataset import Split
from framework.data.drawn import drawn_flowers
from framework.data.fashion_mnist import fashion_mnist
from framework.numerics.intervals import Estimate, proportion

_KNOWN = {"labels/illegal": False, "probe/train": types.SimpleNamespace(z=50.0)}


@pytest.fixture(scope="module")
def measured(subject):
    def measured(train, validation):
        return Measures(_KNOWN | measure(subject(train, validation)))

    return measured


def noisy(split, share, seed=0):
    """Returns a split of which a share has another label."""
    generator = np.random.default_rng(seed)
    wrong = generator.random(len(split)) < share
    classes = int(split.labels.max()) + 1
    others = (split.labels + generator.integers(1, classes, len(split))) % classes
    labels = np.where(wrong, others, split.labels).astype(np.int32)
    return Split(split.images, labels)


@pytest.mark.parametrize(("share", "status"), [(0.1, "suspected"), (0.3, "confirmed")])
def test_fires_on_wrong_labels(measured, scans, share, status):
    made = measured(noisy(scans.train, share), scans.validation)
    finding = rule(made)
    assert (finding.cause, finding.status) == ("label_noise", status)
    assert made["noise/flagged"].value == pytest.approx(share, abs=0.05)


def test_suspects_a_class_that_is_mistaken_for_another(measured):
    data = drawn_flowers(train=600, validation=100, size=32, mislabelled=0.5)
    finding = rule(measured(data.train, data.validation))
    assert finding.status == "suspected"


def test_what_is_as_bad_in_validation_is_only_suspected(measured, scans):
    splits = [noisy(each, 0.3) for each in (scans.train, scans.validation)]
    assert rule(measured(*splits)).status == "suspected"


def test_silent_on_right_labels_however_hard(measured, scans):
    assert rule(measured(scans.train, scans.validation)) is None
    assert rule(measured(noisy(scans.train, 0.01), scans.validation)) is None
    data = drawn_flowers(train=600, validation=100, size=32)
    assert rule(measured(data.train, data.validation)) is None


@pytest.mark.real_data
def test_silent_on_clothes_that_look_alike(measured):
    data = fashion_mnist()
    rows = np.arange(2000)
    assert rule(measured(data.train.take(rows), data.validation.take(rows))) is None


def test_silent_where_a_probe_sees_nothing(measured, scans):
    made = measured(noisy(scans.train, 0.3), scans.validation)
    made["probe/train"] = types.SimpleNamespace(z=1.0)
    assert rule(made) is None


def test_few_images_say_nothing(subject, scans):
    assert measure(subject(scans.train.take(np.arange(100)), scans.validation)) == {}


def test_leaves_out_what_is_probably_wrong(scans, monkeypatch):
    train, asked = noisy(scans.train, 0.2), {}

    def train_without(repairs, name, flagged):
        asked[name] = flagged
        return Estimate(0.1, 0.05, 0.15)

    monkeypatch.setattr(label_noise, "train_without", train_without)
    repairs = types.SimpleNamespace(subject=types.SimpleNamespace(train=train))
    assert label_noise.confirm(repairs, Measures())["noise/gain"].value == 0.1
    wrong, flagged = train.labels != scans.train.labels, asked["label_noise"]
    assert np.mean(flagged) == pytest.approx(0.2, abs=0.04)
    assert np.mean(wrong[~flagged]) < 0.04


@pytest.mark.parametrize(
    ("gain", "status"),
    [
        (Estimate(0.08, 0.04, 0.12), "confirmed"),
        # Trap H23: irreducible noise, at its ceiling.
        (Estimate(0.0, -0.02, 0.02), "falsified"),
        (Estimate(0.02, 0.01, 0.03), "falsified"),
    ],
)
def test_an_experiment_decides(gain, status):
    made = Measures(
        _KNOWN
        | {
            "noise/easy": proportion(30, 100),
            "noise/worst": proportion(10, 25),
            "noise/worst_class": "tulip",
            "noise/flagged": proportion(300, 1000),
            "noise/validation": proportion(25, 100),
            "noise/gain": gain,
        }
    )
    finding = rule(made)
    assert finding.status == status
    assert finding.cost == gain
    assert finding.message == (
        "30.0% of the labels of easy training images are contradicted by all similar "
        "images; worst are images that look like tulip, 40.0%"
    )
    assert [each.threshold for each in finding.evidence] == [
        "5% or more, for certain above 2%",
        "for certain above 15%",
        "shown only: hard images are flagged as well",
        "for certain above 15%, and those 10% or fewer: decisive",
        "the interval above 0, and 3% or more",
    ]
