"""Tests of framework/augment/color.py."""

import colorsys
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from framework.augment import color, geometry
from framework.augment.color import (
    Brightness,
    ChannelShift,
    Gamma,
    Grayscale,
    Hue,
    Invert,
    Posterize,
    Solarize,
)
from framework.errors import UsageError

GOLDEN = pathlib.Path(__file__).parents[1] / "golden/augment"
IDG = np.load(GOLDEN / "idg.npz")
APPLIED = [
    case
    for case in json.loads((GOLDEN / "idg.json").read_text())["cases"]
    if case["id"].startswith("apply")
]


def some_images(rows=3, channels=3):
    generator = np.random.default_rng(0)
    return generator.uniform(0, 255, (rows, 4, 5, channels)).astype(np.float32)


@pytest.mark.parametrize(
    ("by", "u", "gain"),
    [
        (0.2, 0.0, 0.8),
        (0.2, 0.5, 1.0),
        (0.2, 0.75, 1.1),
        (0.0, 0.9, 1.0),
        (1, 0, 0),
        ((0.5, 2.0), 0.0, 0.5),
        ((0.5, 2.0), 0.5, 1.25),
    ],
)
def test_brightness_multiplies_by_a_factor(by, u, gain):
    images = some_images(1)
    actual = Brightness(by).apply(images, tf.constant([[u]], tf.float32))
    np.testing.assert_allclose(actual, images * gain, rtol=1e-6)


def test_each_image_has_its_own_brightness():
    images = tf.fill([3, 2, 2, 1], 100.0)
    actual = Brightness(0.5).apply(images, tf.constant([[0.0], [0.5], [0.25]]))
    np.testing.assert_allclose(actual[:, 1, 1, 0], [50.0, 100.0, 75.0])


@pytest.mark.parametrize(
    "member", [color.Contrast, color.Saturation, color.Sharpness, Brightness, Gamma]
)
def test_a_factor_of_1_is_the_identity(member):
    images = some_images()
    actual = member(0.7).apply(tf.constant(images), tf.fill([3, 1], 0.5))
    np.testing.assert_allclose(actual, images, atol=1e-3)


@pytest.mark.parametrize("case", APPLIED, ids=lambda case: case["id"])
def test_matches_image_data_generator(case):
    """Affine, channel shift, flips and brightness, in that order."""
    given = case["params"]
    i, j, k = np.ogrid[:16, :16, :3]
    image = (7 * i + 11 * j + 29 * k + 13 * (i * j % 5)) % 256
    images = tf.constant(image[None], tf.float32)
    angle = np.radians(given.get("theta", 0))
    shear = np.radians(given.get("shear", 0))
    sin, cos = np.sin(angle), np.cos(angle)
    matrix = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    matrix = matrix @ [
        [1, 0, given.get("tx", 0)],
        [0, 1, given.get("ty", 0)],
        [0, 0, 1],
    ]
    matrix = matrix @ [[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]]
    matrix = matrix @ np.diag([given.get("zx", 1), given.get("zy", 1), 1])
    flips = [given.get(f"flip_{way}", False) for way in ("horizontal", "vertical")]
    matrix = matrix @ np.diag([-1 if flip else 1 for flip in (*flips, False)])
    matrices = geometry.with_corner_origin(
        tf.constant(matrix[None], tf.float32), 16, 16
    )
    images = geometry.warp(images, matrices)
    shift = given.get("channel_shift_intensity", 0.0)
    images = ChannelShift(100.0).apply(images, tf.fill([1, 1], (shift + 100) / 200))
    if "brightness" in given:
        gain = tf.fill([1, 1], given["brightness"] / 2)
        images = tf.floor(Brightness((0.0, 2.0)).apply(tf.floor(images), gain))
        images = tf.minimum(images, 255.0)
    tolerance = 1.001 if "brightness" in given else 1e-3
    # Keras rounds down before it changes brightness; interpolated values may differ.
    if "theta" in given:
        tolerance = 1 + given["brightness"]
    assert np.abs(images[0] - IDG[case["id"]]).max() <= tolerance


def test_channel_shift_is_clipped_to_the_range_of_the_image():
    images = some_images()
    actual = ChannelShift(80.0).apply(
        tf.constant(images), tf.constant([[0.0], [0.5], [1]])
    )
    for image, result, shift in zip(images, actual, (-80, 0, 80), strict=True):
        expected = np.clip(image + shift, image.min(), image.max())
        np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_hue_matches_colorsys():
    images = some_images()
    actual = Hue(0.3).apply(tf.constant(images), tf.constant([[0.0], [0.5], [0.99]]))
    for image, result, u in zip(images, actual, (0.0, 0.5, 0.99), strict=True):
        for before, after in zip(
            image.reshape(-1, 3) / 255, np.reshape(result, (-1, 3)) / 255, strict=True
        ):
            hue, *others = colorsys.rgb_to_hsv(*before)
            expected = colorsys.hsv_to_rgb((hue + (2 * u - 1) * 0.3) % 1, *others)
            np.testing.assert_allclose(after, expected, atol=1e-4)


def test_hue_leaves_grey_images_unchanged():
    images = some_images(channels=1)
    np.testing.assert_array_equal(Hue(0.5).apply(images, tf.zeros([3, 1])), images)


def test_gamma_above_1_is_darker():
    images = some_images(2)
    actual = Gamma(0.5).apply(tf.constant(images), tf.constant([[0.0], [1.0]]))
    for image, result, power in zip(images, actual, (0.5, 1.5), strict=True):
        np.testing.assert_allclose(result, 255 * (image / 255) ** power, rtol=1e-4)


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (Invert(p=0.4), lambda x: 255 - x),
        (Posterize(2, p=0.4), lambda x: np.floor(np.floor(x + 0.5) / 64) * 64),
        (Solarize(100, p=0.4), lambda x: np.where(x < 100, x, 255 - x)),
        (Grayscale(p=0.4), lambda x: (x @ [[0.299], [0.587], [0.114]]).repeat(3, 3)),
    ],
)
def test_transforms_with_probability_p(member, expected):
    images = some_images()
    actual = member.apply(tf.constant(images), tf.constant([[0.39], [0.41], [0.0]]))
    np.testing.assert_array_equal(actual[1], images[1])
    np.testing.assert_allclose(actual[::2], expected(images)[::2], rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Brightness(-0.1), "by must give factors of at least 0, not -0.1"),
        (lambda: Brightness((1.2, 0.8)), r"at least 0, not \(1.2, 0.8\)"),
        (lambda: ChannelShift(-3), "by must be at least 0, not -3"),
        (lambda: Hue(0.6), "by must be from 0 to 0.5, not 0.6"),
        (lambda: Invert(p=1.1), "p must be from 0 to 1, not 1.1"),
        (lambda: Posterize(9), "bits must be from 0 to 8, not 9"),
        (lambda: Posterize(4, p=-1.0), "p must be from 0 to 1, not -1.0"),
    ],
)
def test_refuses_values_out_of_range(make, message):
    with pytest.raises(UsageError, match=message):
        make()
