"""Tests of framework/diagnose/checks/data/shuffled_labels.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.checks.data.shuffled_labels import (
    SeparatedLabels,
    ShuffledLabels,
)
from framework.diagnose.core.check import examine
from framework.diagnose.core.measurement import Measurements


@pytest.fixture(scope="module")
def check(examined, context):
    """Returns the finding for two splits."""

    def run(train, validation):
        return examined(ShuffledLabels(), context(train, validation))

    return run


def permuted(split):
    return Split(split.images, np.random.default_rng(0).permutation(split.labels))


def rolled(split, by):
    return Split(split.images, np.roll(split.labels, by))


@pytest.mark.extended
def test_shuffled_training_labels_are_confirmed(check, scans):
    finding = check(permuted(scans.train), scans.validation)
    assert (finding.cause.name, finding.status) == ("shuffled_labels", "confirmed")
    assert finding.message == (
        "the train labels do not belong to their images: a probe is right 10.1% of the "
        "time, and 9.8% on permuted labels, while in the validation split it is 92.8%"
    )
    assert finding.cost.low > 0.7


def test_shuffled_validation_labels_are_confirmed(check, scans):
    finding = check(scans.train, permuted(scans.validation))
    assert finding.message.startswith("the validation labels do not belong")


@pytest.mark.extended
def test_finds_the_order_in_which_labels_fit(check, scans):
    finding = check(rolled(scans.train, -1), scans.validation)
    assert finding.message.endswith("fit once each label is moved one place on")
    backwards = Split(scans.train.images, scans.train.labels[::-1])
    finding = check(backwards, scans.validation)
    assert finding.message.endswith("they fit once their order is reversed")


def test_labels_in_blocks_of_files_in_another_order(check, scans):
    # Files as the system lists them, and labels as if they were sorted.
    order = np.random.default_rng(1).permutation(len(scans.train))
    images, labels = scans.train.images[order], np.sort(scans.train.labels)
    parts = np.arange(len(labels)) % 4 == 0
    train = Split(images[~parts], labels[~parts])
    finding = check(train, Split(images[parts], labels[parts]))
    assert finding.status == "suspected"
    assert finding.message.startswith("the labels stand in blocks, class by class")
    assert finding.remedy.text.startswith("sort the files before labels are assigned")
    assert finding.evidence[-1].value > 3
    # Sorted, the same labels fit.
    order = np.argsort(scans.train.labels, kind="stable")
    images = scans.train.images[order]
    train = Split(images[~parts], labels[~parts])
    assert check(train, Split(images[parts], labels[parts])) is None


@pytest.mark.extended
def test_noise_is_unresolvable(check):
    generator = np.random.default_rng(3)
    images = generator.integers(0, 256, (700, 32, 32, 3)).astype(np.uint8)
    noise = Split(images, generator.integers(0, 5, 700).astype(np.int32))
    finding = check(noise.take(np.arange(500)), noise.take(np.arange(500, 700)))
    assert finding.status == "unresolvable"
    assert finding.cost is None
    assert finding.message.startswith(
        "the labels carry no information about the images that a probe can see: in "
        "training as in validation"
    )
    for each in finding.evidence:
        assert each.value < 3


def test_silent_on_healthy_splits(check, scans):
    assert check(scans.train, scans.validation) is None
    few = np.arange(20)
    assert check(scans.train, scans.validation.take(few)) is None
    assert check(scans.train.take(few), scans.validation) is None


def test_silent_where_the_model_knows_something(examined, context, scans):
    case = context(permuted(scans.train), scans.validation)
    case.program.kernel = context(scans.train, scans.validation).program.kernel
    assert examined(ShuffledLabels(), case) is None


def test_classes_that_are_right_by_luck_are_no_knowledge(examined, context, scans):
    """Two of ten clusters have the right name: 20 % of 359 images."""
    case = context(permuted(scans.train), scans.validation)
    names = [0, 1, 3, 4, 5, 6, 7, 8, 9, 2]
    case.program.kernel = context(scans.train, scans.validation).program.kernel
    case.program.kernel = case.program.kernel[:, names]
    assert 0.15 < case.correct("validation").mean() < 0.25
    assert examined(ShuffledLabels(), case).status == "confirmed"


def test_half_of_the_labels_shuffled_is_noise(check, scans):
    labels = scans.train.labels.copy()
    labels[::2] = np.random.default_rng(0).permutation(labels[::2])
    assert check(Split(scans.train.images, labels), scans.validation) is None


def test_rows_of_features(check, scans):
    flat = [
        Split(each.images.reshape(len(each), -1) / 255.0, each.labels)
        for each in (scans.train, scans.validation)
    ]
    assert check(*flat) is None
    assert check(permuted(flat[0]), flat[1]).status == "confirmed"


def test_the_parity_of_bits_depends_on_how_far_neighbours_are(check):
    """Ten neighbours of 400 tell it, those of 600 do not: that is no shuffling."""
    generator = np.random.Generator(np.random.PCG64(0))
    bits = generator.integers(2, size=(1000, 16)).astype(np.float32)
    labels = (bits.sum(axis=1) % 2).astype(np.int32)
    train = Split(bits[:600], labels[:600])
    validation = Split(bits[600:], labels[600:])
    finding = check(train, validation)
    assert finding is None or finding.status != "confirmed"


class OfNoUse:
    """Trials of which none has helped, unless it is said."""

    is_done = False

    def __init__(self, has_gained=False):
        self.has_gained = has_gained


@pytest.fixture(scope="module")
def separated(context, scans):
    """Returns the finding for both splits, of which the labels were permuted."""

    def run(trials, change=permuted, confirmed=(), rows=slice(None)):
        splits = scans.train, scans.validation
        made = context(
            *(change(each.take(np.arange(len(each))[rows])) for each in splits)
        )
        measured = Measurements(made, made.settings)
        measured.confirmed.update(confirmed)
        return examine(SeparatedLabels(), measured, trials)

    return run


@pytest.mark.extended
def test_labels_of_both_splits_that_were_separated(separated):
    finding = separated(OfNoUse())
    assert (finding.cause.name, finding.status) == ("shuffled_labels", "confirmed")
    assert finding.message.startswith("the labels do not belong to their images, in")
    assert [each.value < 3 for each in finding.evidence] == [True, True, False, False]


@pytest.mark.extended
@pytest.mark.parametrize(
    ("trials", "confirmed"),
    [(OfNoUse(has_gained=True), ()), (OfNoUse(), ("unnormalized_inputs",))],
)
def test_what_another_cause_explains_is_not_decided(separated, trials, confirmed):
    assert separated(trials, confirmed=confirmed).status == "unresolvable"


@pytest.mark.extended
@pytest.mark.parametrize(
    ("change", "rows"),
    [
        (lambda split: split, slice(None)),
        # Too few to see true labels by.
        (permuted, slice(150)),
        (lambda split: permuted(noisy(split)), slice(None)),
    ],
)
def test_silent_where_labels_fit_or_images_show_nothing(separated, change, rows):
    assert separated(OfNoUse(), change, rows=rows) is None


def noisy(split):
    """Returns images of which each pixel is drawn by itself."""
    draws = np.random.default_rng(2)
    return Split(draws.permuted(split.images, axis=None), split.labels)
