"""Tests of framework/augment/normalize.py."""

import numpy as np
import pytest

from framework.augment import normalize
from framework.augment.normalize import Normalizer
from framework.data.dataset import Split


def split(images):
    return Split(images, np.zeros(len(images), np.int32))


def pixels(dtype=np.uint8, count=50):
    images = np.random.default_rng(0).uniform(0, 255, (count, 4, 5, 3))
    # Channels that differ, so that one taken for another shows.
    return (images * (1.0, 0.5, 0.2)).astype(dtype)


ALL = np.arange(50)


def test_unit_makes_bytes_numbers_from_0_to_1():
    scale = normalize.build("unit", split(pixels()), ALL)
    found = scale(np.array([[[[0, 51, 255]]]], np.uint8))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[[[0.0, 0.2, 1.0]]]], rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "dtype"), [("unit", np.float32), ("none", np.float32), ("none", np.uint8)]
)
def test_leaves_images_as_they_are(kind, dtype):
    images = pixels(dtype)
    found = normalize.build(kind, split(images), ALL)(images)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, images)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_standard_gives_each_channel_mean_0_and_deviation_1(dtype):
    images = pixels(dtype)
    found = normalize.build("standard", split(images), ALL)(images).numpy()
    np.testing.assert_allclose(found.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=(0, 1, 2)), 1, rtol=1e-5)


def test_standard_looks_at_images_that_are_trained_on():
    images = pixels(np.float32)
    rows = np.array([2, 3, 5, 7, 11])
    scale = normalize.build("standard", split(images), rows)
    np.testing.assert_allclose(scale.mean, images[rows].mean(axis=(0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(scale.std, images[rows].std(axis=(0, 1, 2)), rtol=1e-5)


def test_standard_of_many_images_looks_at_some_evenly(monkeypatch):
    monkeypatch.setattr(normalize, "_SAMPLE", 3)
    images = np.zeros((101, 1, 1, 1), np.float32)
    images[[0, 50, 100]] = np.reshape([1.0, 2.0, 6.0], (3, 1, 1, 1))
    scale = normalize.build("standard", split(images), np.arange(101))
    assert scale.mean == (3.0,)


def test_standard_of_more_images_than_are_summed_at_once():
    images = pixels(np.float32, count=2500)
    scale = normalize.build("standard", split(images), np.arange(2500))
    expected = images.astype(np.float64)
    np.testing.assert_allclose(scale.mean, expected.mean(axis=(0, 1, 2)), rtol=1e-9)
    np.testing.assert_allclose(scale.std, expected.std(axis=(0, 1, 2)), rtol=1e-9)


@pytest.mark.parametrize("value", [0, 200, 255])
def test_a_constant_channel_becomes_0(value):
    images = pixels()
    images[..., 1] = value
    found = normalize.build("standard", split(images), ALL)(images).numpy()
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[..., 1], 0, atol=1e-6)


def test_a_faint_float_image_is_still_stretched():
    images = (pixels(np.float32) / 255 * 1e-3).astype(np.float32)
    found = normalize.build("standard", split(images), ALL)(images).numpy()
    np.testing.assert_allclose(found.std(axis=(0, 1, 2)), 1, rtol=1e-3)


def test_subtracts_before_it_divides():
    found = Normalizer((1.0, 2.0), (2.0, 4.0))(np.array([[[[5.0, 10.0]]]]))
    np.testing.assert_allclose(found, [[[[2.0, 2.0]]]])
