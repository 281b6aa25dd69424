"""Tests of framework/diagnose/data/split_leakage.py."""

import types

import numpy as np
import pytest
from framework.diagnose.data import split_leakage
from framework.diagnose.data.split_leakage import measure, rule
from framework.diagnose.detector import Measures

from framework.data.dataset import Split
from framework.data.drawn import drawn_flowers
from framework.data.fashion_mnist import fashion_mnist
from framework.numerics.intervals import Estimate, proportion


@pytest.fixture
def found(subject, learnt_by_heart):
    def found(train, validation):
        made = learnt_by_heart(subject(train, validation))
        return rule(Measures(measure(made)))

    return found


@pytest.fixture(scope="module")
def flowers():
    return drawn_flowers(train=500, validation=300, size=32, duplicates=0.2)


def test_fires_on_flowers_drawn_twice(found, flowers):
    finding = found(flowers.train, flowers.validation)
    assert (finding.cause, finding.status) == ("split_leakage", "confirmed")
    assert finding.evidence[0].value.value == pytest.approx(0.2, abs=0.01)
    assert 0 < finding.cost.low < finding.cost.value < 0.2


def test_fires_where_training_holds_the_copies_as_well(found, flowers):
    # Augmented before the split.
    def four_times(split):
        images = [np.roll(split.images, by, axis=1) for by in (0, 1, 0, 1)]
        return Split(np.concatenate(images), np.tile(split.labels, 4))

    few = four_times(flowers.train.take(np.arange(300)))
    rows = np.random.default_rng(0).permutation(len(few))
    held = Split(
        np.concatenate([few.images[rows[:100]], flowers.validation.images]),
        np.concatenate([few.labels[rows[:100]], flowers.validation.labels]),
    )
    assert found(few.take(rows[100:]), held).status == "confirmed"


def test_silent_on_healthy_splits(found, scans):
    assert found(scans.train, scans.validation) is None
    data = drawn_flowers(train=300, validation=200, size=32)
    assert found(data.train, data.validation) is None
    flat = [
        Split(each.images.reshape(len(each), -1), each.labels)
        for each in (scans.train, scans.validation)
    ]
    assert found(*flat) is None


@pytest.mark.real_data
def test_silent_on_clothes_that_look_alike(found):
    data = fashion_mnist()
    train, validation = data.train.take(np.arange(3000)), data.validation
    assert found(train, validation.take(np.arange(1000))) is None


def test_where_all_there_is_are_copies_an_experiment_must_tell(found):
    # Two vectors, over and over: there is nothing else to be seen.
    labels = np.tile([0, 1], 100).astype(np.int32)
    split = Split(np.eye(2, dtype=np.float32)[labels], labels)
    assert found(split, split).status == "suspected"


def measured(copies, within, right, other):
    return Measures(
        {
            "leak/alike": 0.96,
            "leak/rate": proportion(copies, 1000),
            "leak/within": proportion(within, 1000),
            "leak/same": proportion(copies, 1000),
            "leak/accuracy": proportion(right, copies),
            "leak/other_accuracy": proportion(other, 1000 - copies),
            "leak/exact": proportion(0, 1000),
        }
    )


@pytest.mark.parametrize(
    ("copies", "within", "right", "other", "status"),
    [
        (100, 0, 100, 800, "confirmed"),
        (20, 0, 20, 800, "confirmed"),
        (100, 90, 100, 800, "confirmed"),
        # Trap H21: CIFAR-10 has 3 % near duplicates, within training as well.
        (33, 30, 33, 900, None),
        (9, 0, 9, 700, None),
        # No effect is seen.
        (100, 0, 90, 810, "suspected"),
        (100, 0, 100, 900, "suspected"),
    ],
)
def test_rate_and_effect_decide(copies, within, right, other, status):
    found = rule(measured(copies, within, right, other))
    assert (found and found.status) == status


@pytest.mark.parametrize(
    ("gain", "status"),
    [
        (Estimate(0.08, 0.04, 0.12), "confirmed"),
        (Estimate(0.02, 0.01, 0.03), "falsified"),
    ],
)
def test_a_training_without_the_copies_decides(gain, status):
    made = measured(400, 400, 400, 600)
    made["leak/gain"] = gain
    found = rule(made)
    assert (found.status, found.cost) == (status, gain)
    assert found.evidence[-1].threshold == "the interval above 0, and 3% or more"


def test_the_copies_are_left_out_and_as_many_others(flowers, monkeypatch):
    asked = {}

    def train_without(repairs, name, flagged):
        asked[name] = flagged
        return Estimate(-0.1, -0.15, -0.05)

    monkeypatch.setattr(split_leakage, "train_without", train_without)
    repairs = types.SimpleNamespace(
        subject=types.SimpleNamespace(
            train=flowers.train, validation=flowers.validation
        )
    )
    found = split_leakage.confirm(repairs, Measures({"leak/alike": 0.95}))
    assert found == {"leak/gain": Estimate(0.1, 0.05, 0.15)}
    assert asked["split_leakage"].sum() == pytest.approx(60, abs=3)


def test_the_evidence():
    finding = rule(measured(100, 10, 100, 720))
    assert finding.message == (
        "10.0% of the validation images are copies of training images; the model is "
        "right about 100.0% of them, and about 80.0% of the others"
    )
    assert [each.threshold for each in finding.evidence] == [
        "correlation of 0.96 or more",
        "1% or more, for certain above 0.5%; or the same images, for certain above 5%",
        "0.995 or more",
        "the interval above 0",
    ]
    assert finding.cost.value == pytest.approx(0.02)
