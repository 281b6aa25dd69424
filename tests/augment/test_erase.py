"""Tests of framework/augment/erase.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.augment.erase import Cutout, Erase
from framework.errors import UsageError


def draws(member, rows=4000, shape=(24, 30, 3)):
    count = member.draws_of(shape)
    u = np.random.default_rng(0).uniform(size=(rows, count))
    return tf.constant(u, tf.float32)


def rectangles(member):
    """Returns what of white images is hidden: bool [rows, height, width]."""
    u = draws(member)
    found = member.apply(tf.fill([len(u), 24, 30, 3], 255.0), u).numpy()
    hidden = found != 255
    np.testing.assert_array_equal(hidden.all(3), hidden.any(3))
    return hidden.all(3)


def sides(hidden):
    """Returns height and width of each hidden rectangle; it is full."""
    height, width = hidden.any(2).sum(1), hidden.any(1).sum(1)
    np.testing.assert_array_equal(hidden.sum((1, 2)), height * width)
    return height, width


def test_erases_a_share_of_the_images():
    share = rectangles(Erase(p=0.3)).any((1, 2)).mean()
    assert abs(share - 0.3) < 3 * (0.3 * 0.7 / 4000) ** 0.5


def test_rectangles_have_area_and_ratio():
    height, width = sides(rectangles(Erase(1.0, (0.1, 0.2), (0.5, 2.0))))
    assert (height > 0).all()
    area = height * width / (24 * 30)
    # Sides are rounded to whole pixels.
    assert area.min() > 0.08
    assert area.max() < 0.23
    assert (width / height).min() > 0.44
    assert (width / height).max() < 2.3


def test_rectangles_are_anywhere_inside():
    hidden = rectangles(Erase(1.0, (0.05, 0.1), (1.0, 1.0)))
    assert hidden.any(0).all()
    # No edge cuts any of them off.
    height, width = sides(hidden)
    assert (np.abs(height - width) <= 1).all()


def test_erases_with_noise():
    member = Erase(1.0, (0.3, 0.33), value="random")
    u = draws(member)
    found = member.apply(tf.fill([len(u), 24, 30, 3], 300.0), u).numpy()
    noise = found[found != 300]
    assert noise.min() == 0
    assert noise.max() == 255
    assert abs(noise.mean() - 127.5) < 1


@pytest.mark.parametrize(("size", "pixels"), [(6, 6), (0.25, 6), (5, 5)])
def test_cutout_is_a_square_about_any_pixel(size, pixels):
    hidden = rectangles(Cutout(size))
    height, width = sides(hidden)
    assert height.max() == width.max() == pixels
    # At the edge it is cut off.
    assert pixels // 2 <= height.min() < pixels
    assert hidden[:, 0, 0].any()
    assert hidden[:, -1, -1].any()


@pytest.mark.parametrize(
    "make", [lambda v: Erase(1.0, value=v), lambda v: Cutout(6, v)]
)
@pytest.mark.parametrize("value", [7, 7.0])
def test_a_value_may_be_a_whole_number(make, value):
    member = make(value)
    found = member.apply(tf.fill([8, 24, 30, 3], 255.0), draws(member, 8))
    assert set(np.unique(found)) == {7.0, 255.0}


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
def test_refuses_what_makes_no_sense(make, message):
    with pytest.raises(UsageError, match=message):
        make()
