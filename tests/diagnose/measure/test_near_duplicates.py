"""Tests of framework/diagnose/measure/near_duplicates.py."""

import numpy as np
import pytest

from framework.data.drawn import drawn_flowers
from framework.diagnose.core.measurement import UnavailableError
from framework.diagnose.measure.near_duplicates import (
    NearDuplicates,
    TrainingCopies,
    similarity,
)


@pytest.fixture(scope="module")
def flowers():
    return drawn_flowers(train=200, validation=100, size=32, duplicates=0.5)


def test_a_copy_is_found_with_noise_and_a_third_of_a_pixel(flowers):
    values = similarity(flowers.validation.images, flowers.train.images)
    assert np.sum(values > 0.95) == 50


def test_moved_and_rescaled_copies(flowers):
    images = flowers.train.images
    moved = np.roll(images[:20], 1, axis=2)
    assert np.sum(similarity(moved, images) > 0.999) >= 18
    floats = images.astype(np.float32) / 255
    darker = (0.8 * floats[:20]).astype(np.float32)
    assert similarity(darker, floats).min() > 0.999


def test_images_do_not_count_as_their_own_copies(flowers):
    images = flowers.train.images
    own = np.arange(0, 200, 4)
    assert similarity(images[own], images, own).max() < 0.95
    assert similarity(images[own], images).min() == 1
    twice = np.concatenate([images, images[:10]])
    values = similarity(twice[:20], twice, np.arange(20))
    assert (values == 1).sum() == 10


def test_one_channel_and_none(scans):
    images = scans.train.images
    for each in (images, images[..., 0], images.reshape(len(images), -1)):
        assert similarity(each[:9], each).tolist() == [1.0] * 9
        assert similarity(each[:0], each).shape == (0,)


def test_rows_of_features_are_equal_or_not():
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    others = rows + np.array([[0, 0], [0, 1e-9]])
    assert similarity(others, rows).tolist() == [1, 0]


def test_blank_images_are_no_copies():
    blank = np.zeros((5, 8, 8, 1), np.uint8)
    assert similarity(blank, blank).max() == 0


@pytest.mark.extended
def test_rates_and_accuracies_of_copies(flowers, context, memorizing):
    case = memorizing(context(flowers.train, flowers.validation))
    measured = case.get(NearDuplicates)
    assert measured.rate.value == pytest.approx(0.5, abs=0.02)
    assert measured.within.value <= 0.02
    assert 0.95 <= measured.threshold <= 0.995
    assert 0.85 <= measured.details_threshold <= 0.99
    assert measured.accuracy.value > measured.other_accuracy.value
    assert measured.exact.value <= measured.same.value <= measured.rate.value


def test_unavailable_for_a_single_image(scans, context):
    case = context(scans.train, scans.validation.take(np.arange(1)))
    with pytest.raises(UnavailableError, match="a split has fewer than 2 images"):
        case.get(NearDuplicates)


def test_copies_among_training_images_and_those_held_out(scans, context):
    held_out = scans.validation
    train, dev = scans.train.take(np.arange(300)), scans.train.take(np.arange(300, 320))
    train.images[:20], dev.images[:5] = held_out.images[:20], held_out.images[20:25]
    case = context(
        train,
        held_out,
        dev,
        train_rows=np.arange(300) * 2,
        dev_rows=np.arange(20) * 2 + 1,
    )
    found = case.get(TrainingCopies)
    assert np.all(found.are_copies[:20])
    # Others look alike by chance.
    assert found.are_copies[20:].sum() < 15
    places = set(found.places.tolist())
    assert places >= {*range(0, 40, 2), *range(1, 10, 2)}
    assert len(places) == found.are_copies.sum() + sum(each % 2 for each in places)
    assert sum(each % 2 for each in places) < 8
