"""Tests of framework/diagnose/checks/data/split_leakage.py."""

import types

import numpy as np
import pytest

from framework.data.drawn import drawn_flowers
from framework.data.fashion_mnist import fashion_mnist
from framework.data.split import Split
from framework.diagnose.checks.data import split_leakage
from framework.diagnose.checks.data.split_leakage import SplitLeakage
from framework.diagnose.core.check import examine
from framework.diagnose.measure.closer_images import CloserImages
from framework.diagnose.measure.held_out import HeldOutAccuracy
from framework.diagnose.measure.label_agreement import LabelAgreement
from framework.diagnose.measure.near_duplicates import (
    Copies,
    NearDuplicates,
    TrainingCopies,
)
from framework.numerics.intervals import Estimate, difference, proportion


@pytest.fixture
def check(examined, context, memorizing):
    """Returns the finding for two splits and a model that memorizes."""

    def run(train, validation):
        return examined(SplitLeakage(), memorizing(context(train, validation)))

    return run


@pytest.fixture(scope="module")
def flowers():
    return drawn_flowers(train=500, validation=300, size=32, duplicates=0.2)


@pytest.mark.extended
def test_flowers_drawn_twice_are_confirmed(check, flowers):
    finding = check(flowers.train, flowers.validation)
    assert (finding.cause.name, finding.status) == ("split_leakage", "confirmed")
    assert finding.evidence[0].value.value == pytest.approx(0.2, abs=0.01)
    assert 0 < finding.cost.low < finding.cost.value < 0.2


@pytest.mark.extended
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


@pytest.mark.extended
def test_silent_on_healthy_splits(check, scans):
    assert check(scans.train, scans.validation) is None
    data = drawn_flowers(train=300, validation=200, size=32)
    assert check(data.train, data.validation) is None
    flat = [
        Split(each.images.reshape(len(each), -1), each.labels)
        for each in (scans.train, scans.validation)
    ]
    assert check(*flat) is None


@pytest.mark.extended
@pytest.mark.parametrize("change", ["mirrored", "moved", "cropped"])
def test_changed_copies_are_confirmed(check, change):
    data = drawn_flowers(train=500, validation=300, size=64, noise=0.0)
    images = data.train.images[:90]
    if change == "mirrored":
        images = images[:, :, ::-1]
    elif change == "moved":
        images = np.roll(images, (5, -4), axis=(1, 2))
    else:
        rows = np.arange(64) * 54 // 64
        images = images[:, 4:58, 8:62][:, rows][:, :, rows]
    held_out = Split(
        np.concatenate([images, data.validation.images[90:]]),
        np.concatenate([data.train.labels[:90], data.validation.labels[90:]]),
    )
    finding = check(data.train, held_out)
    # Two that memorize pixels may gain nothing by moved copies.
    assert finding.status in ("confirmed", "suspected")
    rate = finding.evidence[0].value
    # Flowers that are drawn alike hide some of them.
    assert 0.1 < rate.value < 0.33


@pytest.mark.extended
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
        details_threshold=0.9,
        rate=proportion(copies, 1000),
        within=proportion(within, 1000),
        same=proportion(copies, 1000),
        accuracy=proportion(correct, copies),
        other_accuracy=proportion(other, 1000 - copies),
        exact=proportion(0, 1000),
        mirrored=proportion(0, copies),
        searched=1000,
    )


def images(count, copied=0):
    """Returns a measurement of the copies among validation images."""
    are_copies = np.arange(count) < copied
    none = np.zeros(count, bool)
    return Copies(
        least=(0.96, 0.9),
        are_copies=are_copies,
        are_same=none,
        is_mirrored=none,
        looked_up=~none,
        within=none,
        details=np.zeros(count),
        details_within=np.ones(count),
    )


def held_out(dev, validation, images=1000):
    """Returns how many of 1,000 images are right that were not trained on."""
    rates = proportion(dev, images), proportion(validation, images)
    return HeldOutAccuracy("the model", *rates, difference(rates[1], rates[0]))


def contradicted(train, validation):
    """Returns contradicted labels of 200 easy images each."""
    rates = [proportion(each, 200) for each in (train, validation)]
    none = proportion(0, 0)
    no_class, no_pair = ("", none), ("", none, 1.0)
    return LabelAgreement(rates[0], *no_class, rates[1], none, 0, 1.0, none, *no_pair)


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


def test_where_most_images_are_copies_no_effect_is_needed(judged):
    finding = judged(SplitLeakage(), duplicates(1000, 0, 900, 0))
    assert (finding.status, finding.cost) == ("confirmed", None)
    assert finding.message == (
        "100.0% of the validation images are copies of training images; the model is "
        "right about 90.0% of them"
    )


@pytest.mark.parametrize(
    ("dev", "validation", "labels", "status"),
    [
        (640, 877, (2, 2), "suspected"),
        (640, 650, (2, 2), None),
        # Certain, but not large.
        (640, 700, (0, 0), "suspected"),
        (877, 640, (2, 2), None),
        # Wrong training labels explain it.
        (640, 877, (50, 2), None),
        (640, 877, (10, 2), "suspected"),
    ],
)
def test_suspected_where_validation_is_easier_than_held_out_images(
    judged, dev, validation, labels, status
):
    finding = judged(
        SplitLeakage(),
        duplicates(0, 0, 0, 800),
        held_out(dev, validation),
        contradicted(*labels),
    )
    assert (finding and finding.status) == status
    if finding and validation == 877:
        assert finding.evidence[0].value.value == pytest.approx(0.237)
        assert "64.0% of training images that were held out" in finding.message


def test_few_held_out_images_are_no_evidence(judged):
    known = duplicates(0, 0, 0, 800), held_out(9, 14, 16), contradicted(0, 0)
    assert judged(SplitLeakage(), *known) is None


@pytest.mark.parametrize(("correct", "status"), [(100, "confirmed"), (80, "suspected")])
def test_no_gain_counts_on_copies(measured, undecided, few_rows, correct, status):
    trials, left_out = undecided(few_rows), []
    trials.leave_out = left_out.append
    known = measured(duplicates(100, 0, correct, 720), images(1000, 100))
    assert examine(SplitLeakage(), known, trials).status == status
    (mask,) = left_out
    assert mask.tolist() == [True] * 100 + [False] * 900
    assert known.void == pytest.approx(0.1)


def closer(validation, within):
    """Returns how many of 1,000 images are similar to a training image."""
    rates = proportion(validation, 1000), proportion(within, 1000)
    return CloserImages(0.8, *rates, difference(*rates))


@pytest.mark.parametrize(
    ("similar", "right", "status", "void"),
    [
        # Turned copies that are no more similar than some others; and they are easier.
        ((800, 500), (640, 700), "suspected", 1.0),
        # Or clean images beside noisy ones.
        ((800, 500), (640, 640), "suspected", 0.0),
        ((520, 500), (640, 700), "suspected", 0.0),
        ((520, 500), (640, 877), "suspected", 1.0),
        ((520, 500), (640, 640), None, 0.0),
    ],
)
def test_closer_or_easier_images_are_suspected(
    measured, undecided, few_rows, similar, right, status, void
):
    known = measured(
        duplicates(0, 0, 0, 800),
        images(1000),
        closer(*similar),
        held_out(*right),
        contradicted(0, 0),
    )
    finding = examine(SplitLeakage(), known, undecided(few_rows))
    assert (finding and finding.status) == status
    assert known.void == void


def test_copies_that_are_recognized_in_part_decide_nothing(
    monkeypatch, measured, undecided, few_rows
):
    monkeypatch.setattr(
        split_leakage, "train_without", lambda *_: Estimate(0.0, -0.01, 0.01)
    )
    leaked = TrainingCopies(np.arange(4) < 2, places=np.array([10, 11]))
    for similar, status in (((520, 500), "falsified"), ((800, 500), "suspected")):
        known = measured(
            duplicates(80, 0, 64, 736), images(1000, 80), leaked, closer(*similar)
        )
        assert examine(SplitLeakage(), known, undecided(few_rows)).status == status


def test_images_that_are_copied_in_both_splits_are_confirmed(
    monkeypatch, measured, undecided, few_rows
):
    # Without the copies that are recognized there are the others.
    fall = Estimate(0.02, 0.01, 0.03)
    monkeypatch.setattr(
        split_leakage, "train_without", lambda *_: Estimate(-0.02, -0.03, -0.01)
    )
    leaked = TrainingCopies(np.arange(4) < 2, places=np.array([10, 11]))
    known = measured(duplicates(600, 600, 500, 350), images(1000, 600), leaked)
    finding = examine(SplitLeakage(), known, undecided(few_rows))
    assert (finding.status, finding.cost) == ("confirmed", fall)
    assert finding.cost_kind == "inflation"
    assert known.void == 1.0


@pytest.mark.parametrize(
    ("gain", "fall", "status"),
    [
        (Estimate(-0.08, -0.12, -0.04), Estimate(0.08, 0.04, 0.12), "confirmed"),
        (Estimate(-0.02, -0.03, -0.01), Estimate(0.02, 0.01, 0.03), "minor"),
        (None, None, "suspected"),
    ],
)
def test_a_training_without_the_copies_decides(
    monkeypatch, measured, undecided, few_rows, gain, fall, status
):
    monkeypatch.setattr(split_leakage, "train_without", lambda *arguments: gain)
    leaked = TrainingCopies(np.arange(4) < 2, places=np.array([10, 11]))
    known = measured(duplicates(250, 250, 250, 750), images(4, 2), leaked)
    finding = examine(SplitLeakage(), known, undecided(few_rows))
    assert (finding.status, finding.cost) == (status, fall)
    assert finding.remedy.images.rows.tolist() == [10, 11]
    assert len(finding.evidence) == (4 if gain is None else 5)
    if gain:
        threshold = "the interval above 0, and 3 points or more"
        assert str(finding.evidence[-1].threshold) == threshold


def test_an_inflated_accuracy_is_examined_though_no_errors_are_left(
    measured, undecided, few_rows
):
    trials = undecided(few_rows)
    trials.is_done = True
    known = measured(duplicates(100, 0, 90, 810))
    assert examine(SplitLeakage(), known, trials).status == "suspected"


@pytest.mark.extended
def test_the_copies_are_left_out(flowers, monkeypatch, measured, undecided, context):
    flags = {}

    def train_without(trials, name, flagged):
        flags[name] = flagged
        return Estimate(-0.1, -0.15, -0.05)

    monkeypatch.setattr(split_leakage, "train_without", train_without)
    case = context(flowers.train, flowers.validation)
    copies, leaked = case.get(Copies), case.get(TrainingCopies)
    known = measured(duplicates(100, 0, 90, 810), copies, leaked)
    finding = examine(SplitLeakage(), known, undecided(flowers))
    assert finding.cost == Estimate(0.1, 0.05, 0.15)
    assert flags["split_leakage"].sum() == pytest.approx(60, abs=3)


def test_a_sample_of_training_images_is_told(judged):
    finding = judged(SplitLeakage(), duplicates(100, 10, 100, 720), train_images=60_000)
    assert finding.message.endswith(
        "; only 1,000 of 60,000 training images were searched, so that there are more"
    )


def test_evidence_and_message(judged):
    finding = judged(SplitLeakage(), duplicates(100, 10, 100, 720))
    assert finding.message == (
        "10.0% of the validation images are copies of training images; the model is "
        "right about 100.0% of them, and about 80.0% of the others"
    )
    assert [str(each.threshold) for each in finding.evidence] == [
        "correlation of pixels of 0.96 or more, or of details of 0.9 or more once "
        "aligned",
        "0.01 or more, and the interval above 0.005; or the same images, for certain "
        "above 5%; or copies, for certain above 30% in both splits",
        "0.995 or more",
        "the interval above 0",
    ]
    assert finding.cost.value == pytest.approx(0.02)
