"""Tests of framework/diagnose/checks/data/split_leakage.py."""

import types

import numpy as np
import pytest

from framework.data.dataset import Split
from framework.data.drawn import drawn_flowers
from framework.data.fashion_mnist import fashion_mnist
from framework.diagnose.checks.data import split_leakage
from framework.diagnose.checks.data.split_leakage import SplitLeakage
from framework.diagnose.core.check import examine
from framework.diagnose.measure.near_duplicates import NearDuplicates
from framework.numerics.intervals import Estimate, proportion


@pytest.fixture
def check(examined, context, memorizing):
    """Returns the finding for two splits and a model that memorizes."""

    def run(train, validation):
        return examined(SplitLeakage(), memorizing(context(train, validation)))

    return run


@pytest.fixture(scope="module")
def flowers():
    return drawn_flowers(train=500, validation=300, size=32, duplicates=0.2)


def test_flowers_drawn_twice_are_confirmed(check, flowers):
    finding = check(flowers.train, flowers.validation)
    assert (finding.cause.name, finding.status) == ("split_leakage", "confirmed")
    assert finding.evidence[0].value.value == pytest.approx(0.2, abs=0.01)
    assert 0 < finding.cost.low < finding.cost.value < 0.2


def test_confirmed_where_training_holds_the_copies_as_well(check, flowers):
    # Augmented before the split.
    def four_times(split):
        images = [np.roll(split.images, by, axis=1) for by in (0, 1, 0, 1)]
        return Split(np.concatenate(images), np.tile(split.labels, 4))

    few = four_times(flowers.train.take(np.arange(300)))
    rows = np.random.default_rng(0).permutation(len(few))
    held_out = Split(
        np.concatenate([few.images[rows[:100]], flowers.validation.images]),
        np.concatenate([few.labels[rows[:100]], flowers.validation.labels]),
    )
    assert check(few.take(rows[100:]), held_out).status == "confirmed"


def test_silent_on_healthy_splits(check, scans):
    assert check(scans.train, scans.validation) is None
    data = drawn_flowers(train=300, validation=200, size=32)
    assert check(data.train, data.validation) is None
    flat = [
        Split(each.images.reshape(len(each), -1), each.labels)
        for each in (scans.train, scans.validation)
    ]
    assert check(*flat) is None


@pytest.mark.real_data
def test_silent_on_clothes_that_look_alike(check):
    data = fashion_mnist()
    train, validation = data.train.take(np.arange(3000)), data.validation
    assert check(train, validation.take(np.arange(1000))) is None


def test_where_all_images_are_copies_a_trial_decides(check):
    # Two vectors, over and over: there is nothing else to be seen.
    labels = np.tile([0, 1], 100).astype(np.int32)
    split = Split(np.eye(2, dtype=np.float32)[labels], labels)
    assert check(split, split).status == "suspected"


def duplicates(copies, within, correct, other):
    """Returns near-duplicates among 1,000 images, and how many of either are right."""
    return NearDuplicates(
        threshold=0.96,
        rate=proportion(copies, 1000),
        within=proportion(within, 1000),
        same=proportion(copies, 1000),
        accuracy=proportion(correct, copies),
        other_accuracy=proportion(other, 1000 - copies),
        exact=proportion(0, 1000),
    )


@pytest.fixture
def few_rows():
    """A context of four rows of features."""
    rows = Split(np.eye(4, dtype=np.float32), np.arange(4, dtype=np.int32))
    return types.SimpleNamespace(train=rows, validation=rows)


@pytest.mark.parametrize(
    ("copies", "within", "correct", "other", "status"),
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
def test_rate_and_effect_decide(
    measured, undecided, few_rows, copies, within, correct, other, status
):
    known = measured(duplicates(copies, within, correct, other))
    finding = examine(SplitLeakage(), known, undecided(few_rows))
    assert (finding and finding.status) == status


@pytest.mark.parametrize(
    ("gain", "fall", "status"),
    [
        (Estimate(-0.08, -0.12, -0.04), Estimate(0.08, 0.04, 0.12), "confirmed"),
        (Estimate(-0.02, -0.03, -0.01), Estimate(0.02, 0.01, 0.03), "falsified"),
        (None, None, "suspected"),
    ],
)
def test_a_training_without_the_copies_decides(
    monkeypatch, measured, undecided, few_rows, gain, fall, status
):
    monkeypatch.setattr(split_leakage, "train_without", lambda *arguments: gain)
    known = measured(duplicates(400, 400, 400, 600))
    finding = examine(SplitLeakage(), known, undecided(few_rows))
    assert (finding.status, finding.cost) == (status, fall)
    assert len(finding.evidence) == (4 if gain is None else 5)
    if gain:
        threshold = "the interval above 0, and 3% or more"
        assert finding.evidence[-1].threshold == threshold


def test_an_inflated_accuracy_is_examined_though_no_errors_are_left(
    measured, undecided, few_rows
):
    trials = undecided(few_rows)
    trials.is_done = True
    known = measured(duplicates(100, 0, 90, 810))
    assert examine(SplitLeakage(), known, trials).status == "suspected"


def test_the_copies_are_left_out(flowers, monkeypatch, measured, undecided):
    flags = {}

    def train_without(trials, name, flagged):
        flags[name] = flagged
        return Estimate(-0.1, -0.15, -0.05)

    monkeypatch.setattr(split_leakage, "train_without", train_without)
    known = measured(duplicates(100, 0, 90, 810))
    finding = examine(SplitLeakage(), known, undecided(flowers))
    assert finding.cost == Estimate(0.1, 0.05, 0.15)
    assert flags["split_leakage"].sum() == pytest.approx(60, abs=3)


def test_evidence_and_message(judged):
    finding = judged(SplitLeakage(), duplicates(100, 10, 100, 720))
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
