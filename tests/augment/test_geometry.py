"""Tests of framework/augment/geometry.py."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from framework.augment import geometry
from framework.augment.geometry import (
    Fill,
    Flip,
    PadCrop,
    ResizedCrop,
    Rotate,
    Shear,
    Shift,
    Zoom,
    warp,
)
from framework.errors import UsageError

GOLDEN = pathlib.Path(__file__).parents[1] / "golden/augment"
CASES = json.loads((GOLDEN / "affine.json").read_text())["cases"]
XLA = pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])


def from_corner(matrices, height, width):
    return geometry.with_corner_origin(
        tf.constant(matrices, tf.float32), height, width
    ).numpy()


def draw(value, by):
    """Returns the random number that maps to `value` in the range -by to by."""
    return (value / by + 1) / 2


@XLA
@pytest.mark.parametrize(
    ("horizontal", "vertical"),
    [
        (True, True),
        *(
            pytest.param(*axes, marks=pytest.mark.extended)
            for axes in [(False, False), (False, True), (True, False)]
        ),
    ],
)
def test_flip_is_exact(horizontal, vertical, jit):
    images = np.random.default_rng(0).uniform(0, 255, (4, 6, 9, 3)).astype(np.float32)
    u = tf.constant([[0.1, 0.1], [0.1, 0.9], [0.9, 0.1], [0.5, 0.5]])

    @tf.function(jit_compile=jit)
    def flipped(images):
        matrices = Flip(horizontal, vertical).matrices(u, 6, 9)
        return warp(images, geometry.with_corner_origin(matrices, 6, 9))

    expected = images.copy()
    for index in (0, 1) if horizontal else ():
        expected[index] = expected[index, :, ::-1]
    for index in (0, 2) if vertical else ():
        expected[index] = expected[index, ::-1]
    np.testing.assert_array_equal(flipped(images), expected)


@pytest.mark.parametrize(
    "case",
    {str(case["params"]): case for case in CASES}.values(),
    ids=lambda c: c["id"],
)
def test_rotate_shift_shear_and_zoom_match_keras(case):
    height, width, _ = case["size"]
    value = {"theta": 0, "sx": 0, "sy": 0, "shear": 0, "zx": 1, "zy": 1} | case[
        "params"
    ]
    draws = {
        Rotate(90): [draw(value["theta"], 90)],
        Shift(10): [draw(value["sx"], 10), draw(value["sy"], 10)],
        Shear(60): [draw(value["shear"], 60)],
        Zoom(0.5): [draw(value["zx"] - 1, 0.5), draw(value["zy"] - 1, 0.5)],
    }
    product = np.eye(3)
    for member, u in draws.items():
        u = tf.constant([u], tf.float32)
        product = product @ member.matrices(u, height, width).numpy()[0]
    actual = from_corner(product[None], height, width)[0]
    np.testing.assert_allclose(actual, case["matrix"], atol=2e-5)


@pytest.mark.parametrize(
    ("shift", "pixels"),
    [
        # Below 1 a fraction of width or height, otherwise pixels.
        (Shift(0.25), (10, 5)),
        (Shift(0.99), (39.6, 19.8)),
        (Shift(1), (1, 1)),
        (Shift(1.0), (1, 1)),
        (Shift(3), (3, 3)),
        (Shift(0.1, 2), (4, 2)),
        (Shift(2, 0.1), (2, 2)),
        (Shift(2, 0), (2, 0)),
        (Shift(0, 0.5), (0, 10)),
    ],
)
def test_shift_in_fractions_and_in_pixels(shift, pixels):
    # Both ends of the range; random numbers are below 1.
    u = tf.constant([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    actual = shift.matrices(u, height=20, width=40)
    x, y = pixels
    np.testing.assert_allclose(actual[:, :2, 2], [[-x, y], [x, -y], [0, 0]], rtol=1e-6)
    np.testing.assert_array_equal(actual[:, :2, :2], [np.eye(2)] * 3)


def test_shift_x_is_horizontal():
    images = np.zeros((1, 8, 8, 1), np.float32)
    images[0, 3, 5] = 1
    matrices = Shift(2, 0).matrices(tf.constant([[1.0, 1.0]]), 8, 8)
    actual = warp(images, geometry.with_corner_origin(matrices, 8, 8), "constant")
    assert np.argwhere(actual).tolist() == [[0, 3, 3, 0]]


@pytest.mark.parametrize(
    ("member", "count"),
    [
        (Rotate(10), 1),
        (Shift(0.1), 2),
        (Shear(5), 1),
        (Zoom(0.2), 2),
        (Flip(), 2),
        (PadCrop(3), 2),
        (ResizedCrop(), 4),
    ],
)
def test_each_image_has_its_own_matrix(member, count):
    assert member.draws == count
    u = tf.constant(np.random.default_rng(0).uniform(size=(4, count)), tf.float32)
    together = member.matrices(u, 6, 8)
    for index in range(4):
        alone = member.matrices(u[index : index + 1], 6, 8)
        np.testing.assert_allclose(together[index], alone[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Zoom(1.0), "by must be from 0 to below 1, not 1.0"),
        (lambda: Zoom(-0.1), "by must be from 0 to below 1, not -0.1"),
        (lambda: Zoom((0.0, 1.1)), "by must be from 0 to below 1, not"),
        (
            lambda: Zoom((0.5, 0.7, 0.9)),
            r"by must be a number or a pair \(low, high\), not",
        ),
        (lambda: Rotate(-1), "degrees must be at least 0, not -1"),
        (lambda: Shear(-1), "degrees must be at least 0, not -1"),
        (lambda: Shift(-5), "x must be at least 0, not -5"),
        (lambda: Shift(0.1, -0.1), "y must be at least 0, not -0.1"),
        (lambda: PadCrop(-1), "pixels must be at least 0, not -1"),
        (lambda: ResizedCrop((0.5, 0.2)), r"scale must be two .*, not \(0.5, 0.2\)"),
        (lambda: ResizedCrop(ratio=(0, 1)), r"ratio must be two .*, not \(0, 1\)"),
        (lambda: Fill("mirror"), "mode must be one of nearest, .*, not 'mirror'"),
        (lambda: Fill(interpolation="cubic"), "interpolation must be one of bilinear"),
    ],
)
def test_refuses_values_out_of_range(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_zoom_between_two_factors_and_locked():
    u = tf.constant([[0.0, 0.5], [0.5, 0.0]])
    actual = Zoom((0.5, 1.5)).matrices(u, 8, 8)
    np.testing.assert_allclose(actual[:, 0, 0], [0.5, 1.0])
    np.testing.assert_allclose(actual[:, 1, 1], [1.0, 0.5])
    actual = Zoom((0.5, 1.5), locked=True).matrices(u, 8, 8)
    np.testing.assert_array_equal(actual[:, 0, 0], actual[:, 1, 1])


def test_pad_crop_offsets_are_uniform_integers():
    u = tf.constant(np.random.default_rng(0).uniform(size=(7000, 2)), tf.float32)
    actual = PadCrop(3).matrices(u, 9, 9).numpy()
    np.testing.assert_array_equal(actual[:, :2, :2], [np.eye(2)] * 7000)
    for axis in (0, 1):
        counts = np.bincount(actual[:, axis, 2].astype(int) + 3, minlength=7)
        assert len(counts) == 7
        assert (np.abs(counts - 1000) < 150).all()


@pytest.mark.parametrize(("height", "width"), [(40, 40), (40, 60)])
def test_resized_crop_is_inside_and_has_the_area(height, width):
    u = tf.constant(np.random.default_rng(0).uniform(size=(2000, 4)), tf.float32)
    actual = ResizedCrop((0.25, 0.5), (0.5, 2.0)).matrices(u, height, width).numpy()
    x, y = actual[:, 0, 0], actual[:, 1, 1]
    # A side as long as the image's was cut off.
    whole = (x < 1) & (y < 1)
    area, ratio = (x * y)[whole], (x * width / (y * height))[whole]
    assert area.min() >= 0.25 - 1e-3
    assert area.max() <= 0.5 + 1e-3
    assert ratio.min() >= 0.5 - 1e-3
    assert ratio.max() <= 2 + 1e-3
    assert (np.abs(actual[:, 0, 2]) <= (1 - x) * width / 2 + 1e-3).all()
    assert (np.abs(actual[:, 1, 2]) <= (1 - y) * height / 2 + 1e-3).all()


@pytest.mark.parametrize(
    "degrees",
    [0.0, 1e-3, 45.0, 90.0, 135.0, -180.0, 180.0, 181.0, -270.0, 360.0, 719.0],
)
def test_rotation_by_any_angle(degrees):
    angle = np.radians(degrees)
    actual = geometry.rotation(tf.constant([angle], tf.float32))[0, :2, :2]
    expected = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    np.testing.assert_allclose(actual, expected, atol=1e-6)
