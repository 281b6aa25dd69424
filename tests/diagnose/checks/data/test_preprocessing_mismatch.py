"""Tests of framework/diagnose/checks/data/preprocessing_mismatch.py."""

import numpy as np
import pytest

from framework.data.drawn import drawn_flowers
from framework.data.split import Split
from framework.diagnose.checks.data.preprocessing_mismatch import PreprocessingMismatch
from framework.diagnose.measure.labels import SplitComposition
from framework.diagnose.measure.preprocessing import (
    MAPPED_LABELS,
    PreprocessingDifference,
)
from framework.numerics.intervals import Estimate, proportion

_NO_GAIN = Estimate(0.0, 0.0, 0.0)


def composition(unseen_classes=""):
    """Returns splits that hold the same classes, but for those."""
    return SplitComposition(proportion(0, 300), unseen_classes, "", 0.0, 1.0, 0.0)


@pytest.fixture(scope="module")
def check(examined, context, label_signal):
    """Returns the finding for two splits whose labels fit their images."""

    def run(train, validation):
        case = context(train, validation)
        known = label_signal(), composition()
        return examined(PreprocessingMismatch(), case, *known)

    return run


@pytest.fixture(scope="module")
def flowers():
    return drawn_flowers(train=400, validation=300, size=32)


def floats(split, scaling=lambda images: images / 255):
    images = scaling(split.images.astype(np.float32)).astype(np.float32)
    return Split(images, split.labels)


@pytest.mark.extended
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images: images[:, :, ::-1], "they are mirrored"),
        (lambda images: images[:, ::-1], "they are turned upside down"),
        (lambda images: images.swapaxes(1, 2), "height and width are swapped"),
        (lambda images: np.rot90(images, 1, (1, 2)), "turned by 270 degrees"),
        (lambda images: np.rot90(images, 2, (1, 2)), "turned by 180 degrees"),
        (lambda images: 255 - images, "they are inverted"),
    ],
)
def test_images_prepared_otherwise_are_confirmed(check, scans, change, message):
    other = Split(change(scans.validation.images), scans.validation.labels)
    finding = check(scans.train, other)
    assert finding.cause.name == "preprocessing_mismatch"
    assert finding.status == "confirmed"
    assert message in finding.message
    assert finding.cost.low > 0.05


@pytest.mark.extended
def test_names_channels_in_another_order(check, flowers):
    other = Split(flowers.validation.images[..., ::-1], flowers.validation.labels)
    assert "channels are reversed" in check(flowers.train, other).message


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (lambda x: x / 255, lambda x: x, "from 0..255 to 0..1"),
        *(
            pytest.param(*ways, marks=pytest.mark.extended)
            for ways in [
                (lambda x: x, lambda x: x / 255, "from 0..1 to 0..255"),
                (lambda x: x / 127.5 - 1, lambda x: x / 255, "from 0..1 to -1..1"),
            ]
        ),
        (lambda x: (x - 77) / 96, lambda x: x, "once they are"),
    ],
)
def test_another_scale_is_confirmed(
    examined, context, memorizing, scans, first, second, message
):
    train, validation = floats(scans.train, first), floats(scans.validation, second)
    case = memorizing(context(train, validation))
    finding = examined(PreprocessingMismatch(), case)
    assert finding.status == "confirmed"
    assert message in finding.message


def test_names_class_numbers_in_another_order(check, scans):
    order = np.random.default_rng(0).permutation(10).astype(np.int32)
    other = Split(scans.validation.images, order[scans.validation.labels])
    finding = check(scans.train, other)
    assert "their class numbers are mapped to others" in finding.message
    old, new = next(each for each in enumerate(order) if each[0] != each[1])
    assert f"(class {old} is {new}, " in finding.message


@pytest.mark.parametrize(
    ("signals", "unseen", "fires"),
    [
        ({}, "", True),
        ({"train": 1.0}, "", False),
        ({"validation": 1.0}, "", False),
        ({}, "9", False),
    ],
)
def test_no_mapping_mends_labels_that_do_not_fit_or_are_unseen(
    judged, accuracy, label_signal, preprocessing, signals, unseen, fires
):
    known = (
        preprocessing(Estimate(0.3, 0.2, 0.4), MAPPED_LABELS),
        accuracy(900, 100),
        label_signal(**signals),
        composition(unseen),
    )
    assert (judged(PreprocessingMismatch(), *known) is not None) == fires


@pytest.mark.extended
def test_silent_on_healthy_splits(check, scans, flowers):
    assert check(scans.train, scans.validation) is None
    assert check(scans.train, scans.validation.take(np.arange(25))) is None
    assert check(flowers.train, flowers.validation) is None
    flat = [
        Split(each.images.reshape(len(each), -1), each.labels)
        for each in (scans.train, scans.validation)
    ]
    assert check(*flat) is None


@pytest.mark.extended
def test_silent_on_another_light_and_on_noise(check, scans):
    data = drawn_flowers(
        train=300, validation=300, size=32, light=0.1, validation_light=1.5
    )
    assert check(data.train, data.validation) is None
    labels = np.random.default_rng(0).permutation(scans.validation.labels)
    assert check(scans.train, Split(scans.validation.images, labels)) is None


@pytest.fixture
def decided(judged, accuracy, preprocessing):
    """Returns the finding for a ratio of scales, a gain and accuracies."""

    def run(ratio, gain=_NO_GAIN, clean=900, validation=700):
        known = preprocessing(gain, "they are mirrored", ratio)
        return judged(PreprocessingMismatch(), known, accuracy(clean, validation))

    return run


def test_thresholds(decided):
    assert decided(1.0, Estimate(0.1, 0.06, 0.14)).status == "confirmed"
    assert decided(1.0, Estimate(0.1, 0.04, 0.16)).status == "suspected"
    assert decided(1.0, Estimate(0.1, -0.01, 0.21)) is None
    assert decided(9.0) is None
    assert decided(255.0).status == "confirmed"
    # Nothing was learnt, so that nothing can be lost.
    assert decided(255.0, clean=100, validation=100).status == "suspected"


@pytest.mark.parametrize("transform", ["they are inverted", MAPPED_LABELS])
def test_what_two_samples_choose_is_told(judged, accuracy, label_signal, transform):
    gain = Estimate(0.1, -0.01, 0.21)
    known = accuracy(900, 700), label_signal(), composition()
    for is_chosen_twice in (False, True):
        difference = PreprocessingDifference(1.0, transform, gain, is_chosen_twice)
        finding = judged(PreprocessingMismatch(), difference, *known)
        assert (finding is not None) == is_chosen_twice
    assert finding.status == "suspected"


def test_only_training_images_are_standardised(examined, context, memorizing, scans):
    """The gain is moderate: .053 (.025 to .080)."""
    train = floats(scans.train, lambda x: (x - 77) / 96)
    validation = floats(scans.validation, lambda x: x / 255)
    case = memorizing(context(train, validation))
    finding = examined(PreprocessingMismatch(), case)
    assert finding.status == "confirmed"
    assert finding.cost.low < 0.05


def test_evidence_and_message(decided):
    finding = decided(1.0, Estimate(0.25, 0.2, 0.3))
    assert finding.message == (
        "the model is right about 25.0% more of the validation images once they are "
        "mirrored: the splits are prepared differently"
    )
    gain, ratio = finding.evidence
    assert str(gain.threshold) == "above 0; for certain above 0.05 to be confirmed"
    assert ratio.value == 1.0
    assert finding.cost == Estimate(0.25, 0.2, 0.3)
    finding = decided(254.0)
    assert finding.message == (
        "the standard deviation of validation images is 254 times that of training "
        "images: one of the splits was scaled and the other was not"
    )
    assert finding.cost is None


@pytest.mark.parametrize(
    ("gain", "clean", "status"),
    [
        (_NO_GAIN, 900, "confirmed"),
        (Estimate(0.1, 0.02, 0.18), 900, "confirmed"),
        # Training is no better: nothing is lost by it.
        (_NO_GAIN, 700, "suspected"),
    ],
)
def test_one_split_that_was_centred(judged, accuracy, gain, clean, status):
    moved = PreprocessingDifference(0.6, "once scaled", gain, is_moved=True)
    finding = judged(PreprocessingMismatch(), moved, accuracy(clean, 700))
    assert finding.status == status
    if not gain.value:
        assert finding.message.startswith("one split alone has values below 0")
