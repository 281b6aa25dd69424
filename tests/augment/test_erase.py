"""Tests of framework/augment/erase.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.augment.erase import Cutout, Erase
from framework.errors import UsageError


def draws(member, rows=4000, shape=(24, 30, 3)):
    count = member.num_draws(shape)
    u = np.random.default_rng(0).uniform(size=(rows, count))
    return tf.constant(u, tf.float32)


def rectangles(member):
    """Returns the masked pixels of white images: bool [rows, height, width]."""
    u = draws(member)
    actual = member.apply(tf.fill([len(u), 24, 30, 3], 255.0), u).numpy()
    is_masked = actual != 255
    np.testing.assert_array_equal(is_masked.all(3), is_masked.any(3))
    return is_masked.all(3)


def sides(is_masked):
    """Returns height and width of each mask, and asserts that it is a rectangle."""
    height, width = is_masked.any(2).sum(1), is_masked.any(1).sum(1)
    np.testing.assert_array_equal(is_masked.sum((1, 2)), height * width)
    return height, width


def test_erases_with_probability_p():
    fraction = rectangles(Erase(p=0.3)).any((1, 2)).mean()
    assert abs(fraction - 0.3) < 3 * (0.3 * 0.7 / 4000) ** 0.5


def test_rectangles_have_area_and_ratio():
    height, width = sides(rectangles(Erase(1.0, (0.1, 0.2), (0.5, 2.0))))
    assert (height > 0).all()
    area = height * width / (24 * 30)
    # Sides are rounded to pixels.
    assert area.min() > 0.08
    assert area.max() < 0.23
    assert (width / height).min() > 0.44
    assert (width / height).max() < 2.3


def test_rectangles_are_anywhere_inside():
    is_masked = rectangles(Erase(1.0, (0.05, 0.1), (1.0, 1.0)))
    assert is_masked.any(0).all()
    # None is cut off at the edge.
    height, width = sides(is_masked)
    assert (np.abs(height - width) <= 1).all()


def test_erases_with_noise():
    member = Erase(1.0, (0.3, 0.33), value="random")
    u = draws(member)
    actual = member.apply(tf.fill([len(u), 24, 30, 3], 300.0), u).numpy()
    noise = actual[actual != 300]
    assert noise.min() == 0
    assert noise.max() == 255
    assert abs(noise.mean() - 127.5) < 1


@pytest.mark.parametrize(("size", "pixels"), [(6, 6), (0.25, 6), (5, 5)])
def test_cutout_is_a_square_around_any_pixel(size, pixels):
    is_masked = rectangles(Cutout(size))
    height, width = sides(is_masked)
    assert height.max() == width.max() == pixels
    # At the edge it is cut off.
    assert pixels // 2 <= height.min() < pixels
    assert is_masked[:, 0, 0].any()
    assert is_masked[:, -1, -1].any()


@pytest.mark.parametrize(
    "make", [lambda v: Erase(1.0, value=v), lambda v: Cutout(6, v)]
)
@pytest.mark.parametrize("value", [7, 7.0])
def test_a_value_may_be_an_integer(make, value):
    member = make(value)
    actual = member.apply(tf.fill([8, 24, 30, 3], 255.0), draws(member, 8))
    assert set(np.unique(actual)) == {7.0, 255.0}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Erase(1.5), "p must be from 0 to 1, not 1.5"),
        (lambda: Erase(value="mean"), "value must be a number or 'random', not 'mean'"),
        (lambda: Erase(scale=(0.3, 0.1)), r"scale must be two .*, not \(0.3, 0.1\)"),
        (lambda: Erase(ratio=(1.0,)), r"ratio must be two .*, not \(1.0,\)"),
        (lambda: Cutout(-1), "size must be at least 0, not -1"),
    ],
)
def test_refuses_values_out_of_range(make, message):
    with pytest.raises(UsageError, match=message):
        make()
