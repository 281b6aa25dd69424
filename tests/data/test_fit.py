"""Tests of framework/data/fit.py."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from framework.data.fit import MODES, fit

SIDE = st.integers(1, 40)


@given(SIDE, SIDE, SIDE, SIDE, st.sampled_from(MODES))
def test_the_size_is_right_and_a_blank_stays_blank(height, width, rows, columns, mode):
    image = np.full((height, width, 1), 200, np.uint8)
    fitted = fit(tf.constant(image), (rows, columns), mode).numpy()
    assert fitted.shape == (rows, columns, 1)
    inside = fitted[fitted > 100]
    np.testing.assert_allclose(inside, 200, atol=1e-3)
    if mode != "pad":
        assert inside.size == fitted.size
    else:
        # The bars at both ends differ by a pixel at most, and touch two sides only.
        lines = [np.flatnonzero(fitted[..., 0].max(axis)) for axis in (1, 0)]
        ends = [
            (kept[0], size - 1 - kept[-1])
            for kept, size in zip(lines, (rows, columns), strict=True)
        ]
        assert all(0 <= after - before <= 1 for before, after in ends)
        assert (0, 0) in ends


@pytest.mark.parametrize("mode", MODES)
def test_an_image_of_that_size_is_untouched(mode):
    image = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (5, 7, 3))
    np.testing.assert_array_equal(fit(tf.constant(image), (5, 7), mode), image)


def test_crop_keeps_the_middle_at_its_aspect_ratio():
    image = np.arange(4 * 9).reshape(4, 9, 1)
    fitted = fit(tf.constant(image, tf.float32), (4, 4), "crop")
    np.testing.assert_array_equal(fitted, image[:, 2:6])
    fitted = fit(tf.constant(image.transpose(1, 0, 2), tf.float32), (2, 4), "crop")
    np.testing.assert_array_equal(fitted, image.transpose(1, 0, 2)[3:5])


def test_pad_keeps_all_and_adds_black():
    image = np.full((2, 4, 1), 9.0, np.float32)
    fitted = fit(tf.constant(image), (4, 4), "pad")[..., 0]
    np.testing.assert_array_equal(fitted[1:3], np.full((2, 4), 9))
    np.testing.assert_array_equal(fitted[::3], np.zeros((2, 4)))


def test_squash_changes_the_aspect_ratio():
    image = np.repeat(np.array([0.0, 100.0]), 8).reshape(1, 16, 1)
    fitted = fit(tf.constant(image, tf.float32), (1, 2), "squash")[0, :, 0]
    # The tent of antialiasing is 16 pixels wide, and is cut off at the border.
    np.testing.assert_allclose(fitted, [100 / 7, 600 / 7], rtol=1e-5)
