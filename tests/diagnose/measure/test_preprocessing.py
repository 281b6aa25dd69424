"""Tests of framework/diagnose/measure/preprocessing.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.measure import preprocessing
from framework.diagnose.measure.preprocessing import (
    MAPPED_LABELS,
    PreprocessingDifference,
    is_moved,
)
from framework.numerics.intervals import Estimate


@pytest.mark.extended
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


@pytest.mark.extended
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


@pytest.mark.extended
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


@pytest.mark.parametrize(
    ("train", "validation", "moved"),
    [
        (lambda x: (x - 0.31) / 0.37, lambda x: x, True),
        (lambda x: x, lambda x: 2 * x - 1, True),
        # Centred alone: the deviation stays.
        (lambda x: x - 0.31, lambda x: x, True),
        (lambda x: x, lambda x: x, False),
        # Another light, however dark.
        (lambda x: x, lambda x: 0.3 * x, False),
        # Bytes: their ratio tells it.
        (lambda x: x, lambda x: 255 * x, False),
        # Augmentation that adds noise, or changes the contrast, keeps the mean.
        (
            lambda x: x + np.random.default_rng(0).normal(0, 0.2, x.shape),
            lambda x: x,
            False,
        ),
        (lambda x: 1.3 * (x - x.mean()) + x.mean(), lambda x: x, False),
        # A few odd values.
        (lambda x: np.where(np.arange(len(x)) < 5, -90.0, x.T).T, lambda x: x, False),
        # Both are centred.
        (lambda x: (x - 0.31) / 0.37, lambda x: 2 * x - 1, False),
    ],
)
def test_one_split_that_was_moved_below_zero(scans, train, validation, moved):
    images = [each.images / 255 for each in (scans.train, scans.validation)]
    assert is_moved(train(images[0]), validation(images[1])) == moved


@pytest.mark.extended
@pytest.mark.parametrize(
    ("other", "is_chosen_twice"),
    [
        ("they are standardised, as in training", True),
        ("they are mirrored", False),
        ("", False),
    ],
)
def test_two_samples_that_choose_another_scaling_agree(
    context, scans, monkeypatch, other, is_chosen_twice
):
    """The range and the moments of standardised images are two ways to one scale."""
    images = scans.train.images
    train = Split((images - images.mean()) / images.std(), scans.train.labels)
    validation = Split(scans.validation.images / 255, scans.validation.labels)
    case = context(train, validation)
    case.program.predict = lambda images, training=False: np.eye(10)[
        train.labels if len(images) == len(train) else np.zeros(len(images), int)
    ]
    low, high = train.images.min(), train.images.max()
    first = f"they are scaled from 0..1 to {low:.3g}..{high:.3g}"
    choices = iter((first, other))
    monkeypatch.setattr(preprocessing, "_choice", lambda *args: next(choices))
    difference = PreprocessingDifference.measure(case)
    assert difference.transform == first
    assert difference.is_chosen_twice == is_chosen_twice
