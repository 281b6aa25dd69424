"""Tests of framework/diagnose/report/reading.py."""

import pytest

from framework.diagnose.measure.accuracy import Accuracy, SplitAccuracy
from framework.diagnose.report.reading import reading
from framework.numerics.intervals import difference, proportion


def split(accuracy, modal_fraction=0.1, majority=0.1, images=1000):
    correct = proportion(round(images * accuracy), images)
    return SplitAccuracy(images, correct, 1.0, modal_fraction, majority)


def accuracies(clean, dev, validation):
    """Returns accuracies of three splits of 1,000 images, or of two."""
    return Accuracy(
        classes=10,
        train_clean=clean,
        train_dev=dev,
        validation=validation,
        training_mode=clean.accuracy,
        gap=difference(clean.accuracy, validation.accuracy),
        gap_to_dev=dev and difference(clean.accuracy, dev.accuracy),
        gap_from_dev=dev and difference(dev.accuracy, validation.accuracy),
    )


@pytest.mark.parametrize(("majority", "is_told"), [(0.1, True), (0.98, False)])
def test_a_collapse_to_one_class_is_told(majority, is_told):
    validation = split(0.1, modal_fraction=0.99, majority=majority)
    text = reading(accuracies(split(0.1), split(0.1), validation))
    end = "; 99% of the validation predictions are one class"
    assert text.endswith(end) == is_told
    assert ("one class" in text) == is_told


@pytest.mark.parametrize(
    ("clean", "dev", "validation", "meaning"),
    [
        (0.1, 0.1, 0.1, "not even the training images are learnt"),
        (0.6, 0.6, 0.6, "all images equally well, but none well enough"),
        (0.98, 0.97, 0.97, "all images equally well"),
        (0.98, 0.97, 0.6, "it holds for images like those of training"),
        (0.98, 0.62, 0.6, "it was memorized"),
        (0.98, None, 0.6, "what was learnt does not hold for the validation images"),
    ],
)
def test_the_chain_of_accuracies_is_read(clean, dev, validation, meaning):
    held_out = None if dev is None else split(dev)
    text = reading(accuracies(split(clean), held_out, split(validation)))
    assert meaning in text
    assert f"validation {validation:.1%}" in text
    assert ("held out of training" in text) == (dev is not None)


def test_few_images_held_out_make_no_difference():
    """174 of them: .75 and .70 may be the same."""
    few = accuracies(split(0.78), split(0.75, images=174), split(0.7))
    assert "174 images held out of training are too few to tell" in reading(few)
    many = accuracies(split(0.78), split(0.75), split(0.7))
    assert "validation is different" in reading(many)
