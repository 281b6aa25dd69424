"""Tests of benchmarks/planted_changes.py."""

import numpy as np
import pytest

from benchmarks.planted_changes import CHANGES, found_by_details, found_by_features


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (120, 8, 8, 3))
    return np.kron(coarse, np.ones((1, 4, 4, 1))).astype(np.uint8)


@pytest.mark.parametrize("name", CHANGES)
def test_changes_keep_the_shape_and_but_one_change_pixels(images, name):
    changed = CHANGES[name](images[:3])
    assert (changed.shape, changed.dtype) == ((3, 32, 32, 3), np.uint8)
    assert np.array_equal(changed, images[:3]) == (name == "none")


def test_copies_are_found_by_details_and_by_features_that_keep(images):
    rows = np.arange(20)
    assert found_by_details(images, rows, images[rows, :, ::-1]) == 1
    features = images.reshape(len(images), -1) / 255 - 0.5
    assert found_by_features(features, rows, features[rows]) == 1
    assert found_by_features(features, rows, features[rows + 20]) == 0
