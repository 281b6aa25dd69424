"""Tests of framework/diagnose/measure/preprocessing.py."""

import numpy as np
import pytest

from framework.data.dataset import Split
from framework.diagnose.measure.preprocessing import (
    MAPPED_LABELS,
    PreprocessingDifference,
)
from framework.numerics.intervals import Estimate


def test_nothing_is_tried_where_validation_is_as_good(context, scans):
    case = context(scans.train, scans.validation)
    case.program.predict = lambda images, training=False: np.zeros((len(images), 10))
    difference = case.get(PreprocessingDifference)
    assert difference.transform == ""
    assert difference.gain == Estimate(0.0, 0.0, 0.0)
    assert difference.scale_ratio == pytest.approx(1.0, abs=0.1)


def test_the_gain_is_measured_on_images_that_did_not_choose(context, scans):
    mirrored = Split(scans.validation.images[:, :, ::-1], scans.validation.labels)
    difference = context(scans.train, mirrored).get(PreprocessingDifference)
    assert difference.transform == "they are mirrored"
    assert difference.is_chosen_twice
    assert difference.gain.low > 0.05


def test_another_order_of_the_classes(context, scans):
    order = np.random.default_rng(0).permutation(10).astype(np.int32)
    other = Split(scans.validation.images, order[scans.validation.labels])
    difference = context(scans.train, other).get(PreprocessingDifference)
    assert difference.transform == MAPPED_LABELS
    assert difference.gain.low > 0.5
    moved = [(old, new) for old, new in enumerate(order) if old != new]
    assert difference.renumbered == tuple(moved)


def test_training_images_that_are_standardised_one_by_one(context, scans):
    def standard(images):
        mean, deviation = (
            each(images, axis=(1, 2, 3), keepdims=True) for each in (np.mean, np.std)
        )
        return ((images - mean) / deviation).astype(np.float32)

    train = Split(standard(scans.train.images), scans.train.labels)
    images = scans.validation.images.astype(np.float32) / 255
    case = context(train, Split(images, scans.validation.labels))
    predict = case.program.predict

    def needs_standard(images, training=False):
        is_standard = np.abs(images.mean(axis=(1, 2, 3))) < 0.05
        return predict(images) * is_standard[:, None]

    case.program.predict = needs_standard
    difference = case.get(PreprocessingDifference)
    assert difference.transform == "each of them is standardised, as in training"
    assert difference.gain.low > 0.5
    assert difference.is_signed_apart


def test_mirrored_copies_of_training_images_do_not_judge(context, scans):
    rows = np.arange(300)
    mirrored = scans.train.images[rows][:, :, ::-1]
    copies = Split(mirrored, scans.train.labels[rows])
    assert context(scans.train, copies).get(PreprocessingDifference).transform == ""
    few = scans.validation.take(np.arange(100))
    both = Split(
        np.concatenate([mirrored, few.images]),
        np.concatenate([copies.labels, few.labels]),
    )
    difference = context(scans.train, both).get(PreprocessingDifference)
    assert difference.gain.low <= 0


def test_a_transform_that_hurts_is_given_up_after_some_images(context, scans):
    """Any other image than those of the data is taken for a 0."""
    case, counts = context(scans.train, scans.validation), []
    known = {
        image.tobytes(): label
        for split in (scans.validation, scans.train)
        for image, label in zip(split.images, split.labels, strict=True)
    }
    for image in scans.validation.images[::5]:
        known[image.tobytes()] = (known[image.tobytes()] + 1) % 10

    def predict(images, training=False):
        counts.append(len(images))
        labels = [known.get(image.tobytes(), 0) for image in images]
        return np.eye(10, dtype=np.float32)[labels]

    case.program.predict = predict
    assert case.correct("train").mean() > 0.95 > case.correct("validation").mean()
    counts.clear()
    assert case.get(PreprocessingDifference).transform == ""
    assert set(counts) == {100}
