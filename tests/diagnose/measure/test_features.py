"""Tests of framework/diagnose/measure/features.py."""

import numpy as np
import pytest

from framework.diagnose.measure.features import Features, Scale, are_images, shrunk


def test_scale_of_bytes_is_fixed_and_of_floats_as_used():
    assert Scale.of(np.full((2, 4, 4, 1), 7, np.uint8)) == Scale(0, 255)
    assert Scale.of(np.array([-1.0, 3.0])) == Scale(-1, 3)
    assert Scale.of(np.zeros(3)).unit(np.zeros(3)).tolist() == [0, 0, 0]
    unit = Scale(0, 1).unit(np.array([np.nan, np.inf, 0.5]))
    assert unit.tolist() == [0, 1, 0.5]


def test_shrunk_takes_means_of_squares():
    images = np.arange(16.0).reshape(1, 4, 4, 1)
    assert shrunk(images, 2)[0, ..., 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert shrunk(images, 4) is images
    assert shrunk(np.zeros((2, 65, 3, 1)), 32).shape == (2, 21, 1, 1)


@pytest.mark.parametrize(
    ("shape", "images"),
    [((5, 8, 8, 1), True), ((5, 8, 8), True), ((5, 64), False), ((5, 1, 64, 1), False)],
)
def test_features_of_all_kinds_of_inputs(shape, images):
    values = np.random.default_rng(0).random((50, *shape[1:]))
    assert are_images(values) == images
    features = Features(values)(values)
    assert features.shape[0] == 50
    assert np.abs(features.mean(axis=0)).max() < 1e-3
    assert np.isfinite(features).all()
    assert len(Features(values)(values[:0])) == 0


def test_features_are_the_same_each_time(scans):
    first, second = (Features(scans.train.images)(scans.train.images) for _ in "ab")
    assert np.array_equal(first, second)


def test_constant_images_have_features(scans):
    blank = np.zeros((20, 32, 32, 3), np.uint8)
    assert np.isfinite(Features(blank)(blank)).all()
