"""Tests of framework/diagnose/copies.py."""

import numpy as np
import pytest
from framework.diagnose.copies import likeness

from framework.data.drawn import drawn_flowers


@pytest.fixture(scope="module")
def flowers():
    return drawn_flowers(train=200, validation=100, size=32, duplicates=0.5)


def test_a_copy_is_found_with_noise_and_a_third_of_a_pixel(flowers):
    found = likeness(flowers.validation.images, flowers.train.images)
    assert np.sum(found > 0.95) == 50


def test_moved_and_rescaled_copies(flowers):
    images = flowers.train.images
    moved = np.roll(images[:20], 1, axis=2)
    assert np.sum(likeness(moved, images) > 0.999) >= 18
    floats = images.astype(np.float32) / 255
    darker = (0.8 * floats[:20]).astype(np.float32)
    assert likeness(darker, floats).min() > 0.999


def test_own_places_do_not_count(flowers):
    images = flowers.train.images
    own = np.arange(0, 200, 4)
    assert likeness(images[own], images, own).max() < 0.95
    assert likeness(images[own], images).min() == 1
    twice = np.concatenate([images, images[:10]])
    found = likeness(twice[:20], twice, np.arange(20))
    assert (found == 1).sum() == 10


def test_one_channel_and_none(scans):
    images = scans.train.images
    for each in (images, images[..., 0], images.reshape(len(images), -1)):
        assert likeness(each[:9], each).tolist() == [1.0] * 9
        assert likeness(each[:0], each).shape == (0,)


def test_rows_of_features_are_equal_or_not():
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    others = rows + np.array([[0, 0], [0, 1e-9]])
    assert likeness(others, rows).tolist() == [1, 0]


def test_blank_images_are_no_copies():
    blank = np.zeros((5, 8, 8, 1), np.uint8)
    assert likeness(blank, blank).max() == 0
