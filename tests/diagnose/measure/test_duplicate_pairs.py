"""Tests of framework/diagnose/measure/duplicate_pairs.py."""

import numpy as np
import pytest

from framework.data.drawn import drawn_flowers
from framework.diagnose.measure import copies, duplicate_pairs
from framework.diagnose.measure.duplicate_pairs import blank, exact, near


@pytest.fixture(scope="module")
def images():
    return drawn_flowers(train=150, validation=20, size=32).train.images


def pairs(found):
    return list(zip(found.first.tolist(), found.second.tolist(), strict=True))


def test_each_further_equal_image_is_a_pair_with_the_first(images):
    some = images[[0, 1, 0, 2, 0, 1]]
    assert pairs(exact(some)) == [(0, 2), (0, 4), (1, 5)]
    assert pairs(exact(images)) == []
    rows = np.array([[1.0, 2], [3, 4], [1, 2]])
    assert pairs(exact(rows)) == [(0, 2)]


def test_blank_images_are_listed_but_are_no_duplicates(images):
    some = np.concatenate([images[:3], np.zeros_like(images[:2])])
    assert blank(some).tolist() == [3, 4]
    assert pairs(exact(some)) == []
    assert pairs(near(some, exact(some))) == []


def test_near_duplicates_are_listed_once_and_without_equal_ones(images):
    mirrored, moved = images[3, :, ::-1], np.roll(images[7], 1, axis=1)
    some = np.concatenate([images, [mirrored, moved, images[9]]])
    equal = exact(some)
    assert pairs(equal) == [(9, 152)]
    found = near(some, equal)
    assert pairs(found) == [(3, 150), (7, 151)]
    assert found.is_mirrored.tolist() == [True, False]
    assert np.all(found.similarity > 0.85)


def test_many_images_are_searched_faster(images, monkeypatch):
    some = np.concatenate([images, [images[3, :, ::-1], np.roll(images[7], 1, axis=1)]])
    monkeypatch.setattr(duplicate_pairs, "_MOST_CROPPED", 10)
    monkeypatch.setattr(copies, "_MOST_ALIGNED", 60)
    assert pairs(near(some, exact(some))) == [(3, 150), (7, 151)]


def test_without_two_different_images_there_are_none(images):
    some = images[[0, 0]]
    assert pairs(near(some, exact(some))) == []
