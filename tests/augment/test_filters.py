"""Tests of framework/augment/filters.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.augment.filters import Blur, Noise
from framework.errors import UsageError


@pytest.mark.parametrize("u", [0.0, 0.3, 0.999])
@pytest.mark.parametrize("size", [(9, 14, 3), (3, 2, 1)])
def test_blur_matches_scipy(size, u):
    ndimage = pytest.importorskip("scipy.ndimage")
    image = np.random.default_rng(0).uniform(0, 255, size).astype(np.float32)
    actual = Blur((0.4, 1.6)).apply(tf.constant(image[None]), tf.constant([[u]]))
    sigma = 0.4 + 1.2 * u
    expected = ndimage.gaussian_filter(
        image, (sigma, sigma, 0), mode="nearest", radius=(5, 5, 0)
    )
    np.testing.assert_allclose(actual[0], expected, atol=0.05)


def test_the_smallest_sigma_is_the_identity():
    image = tf.random.stateless_uniform([2, 8, 8, 3], (1, 2), 0, 255)
    actual = Blur((0.1, 2.0)).apply(image, tf.zeros([2, 1]))
    np.testing.assert_allclose(actual, image, atol=1e-3)


def test_noise_is_normal():
    stats = pytest.importorskip("scipy.stats")
    u = tf.random.stateless_uniform([4, 50 * 50 * 3], (1, 2))
    actual = Noise(2.0).apply(tf.fill([4, 50, 50, 3], 100.0), u).numpy()
    noise = (actual.ravel() - 100) / 2
    assert stats.kstest(noise, "norm").pvalue > 0.01
    assert Noise(2.0).num_draws((50, 50, 3)) == 7500


@pytest.mark.parametrize("sigma", [(0.0, 1.0), (2.0, 1.0), (1.0,), (1.0, 2.0, 3.0)])
def test_refuses_an_invalid_range_of_sigma(sigma):
    with pytest.raises(UsageError, match="sigma must be two numbers above 0"):
        Blur(sigma)


def test_refuses_a_negative_standard_deviation():
    with pytest.raises(UsageError, match="std must be at least 0, not -1"):
        Noise(-1)
