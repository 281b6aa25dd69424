"""Tests of framework/augment/color.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.augment.color import Brightness


@pytest.mark.parametrize(
    ("by", "u", "gain"),
    [(0.2, 0.0, 0.8), (0.2, 0.5, 1.0), (0.2, 0.75, 1.1), (0.0, 0.9, 1.0), (1, 0, 0)],
)
def test_brightness_is_a_factor(by, u, gain):
    images = np.random.default_rng(0).uniform(0, 255, (1, 3, 4, 3)).astype(np.float32)
    found = Brightness(by).apply(images, tf.constant([[u]], tf.float32))
    np.testing.assert_allclose(found, images * gain, rtol=1e-6)


def test_each_image_has_its_own_brightness():
    images = tf.fill([3, 2, 2, 1], 100.0)
    found = Brightness(0.5).apply(images, tf.constant([[0.0], [0.5], [0.25]]))
    np.testing.assert_allclose(found[:, 1, 1, 0], [50.0, 100.0, 75.0])
