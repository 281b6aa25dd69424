"""Tests of framework/augment/pixels.py, with Pillow as the oracle."""

import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf

from framework.augment import pixels

IDG = np.load(pathlib.Path(__file__).parents[1] / "golden/augment/idg.npz")
XLA = pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
# By Pillow's names.
WITH_A_NUMBER = {
    "posterize": pixels.posterize,
    "solarize": pixels.solarize,
    "color": pixels.saturation,
    "contrast": pixels.contrast,
    "brightness": pixels.brightness,
    "sharpness": pixels.sharpness,
}
WITHOUT = {
    "autocontrast": pixels.autocontrast,
    "equalize": pixels.equalize,
    "invert": pixels.invert,
}


def golden_image():
    i, j, k = np.ogrid[:16, :16, :3]
    return ((7 * i + 11 * j + 29 * k + 13 * (i * j % 5)) % 256).astype(np.uint8)


def bytes_of(found):
    return np.clip(np.floor(found), 0, 255).astype(int)


def applied(name, number, images, jit=False):
    if name in WITHOUT:
        function, arguments = WITHOUT[name], ()
    else:
        function = WITH_A_NUMBER[name]
        arguments = (tf.fill([len(images)], float(number)),)
    images = tf.constant(images, tf.float32)
    return tf.function(function, jit_compile=jit)(images, *arguments).numpy()


@XLA
@pytest.mark.parametrize("case", [name for name in IDG.files if name[:4] == "pil_"])
def test_as_the_golden_numbers_of_pillow(case, jit):
    name, number = re.fullmatch(r"pil_([a-z]+)([\d.]*)", case).groups()
    (found,) = applied(name, number or 0, golden_image()[None], jit)
    assert np.abs(bytes_of(found) - IDG[case]).max() <= 1


def pillow(name, number, image):
    ops = pytest.importorskip("PIL.ImageOps")
    enhance = pytest.importorskip("PIL.ImageEnhance")
    picture = pytest.importorskip("PIL.Image").fromarray(image)
    if name in ("color", "contrast", "brightness", "sharpness"):
        return np.asarray(getattr(enhance, name.capitalize())(picture).enhance(number))
    if name in WITHOUT:
        return np.asarray(getattr(ops, name)(picture))
    return np.asarray(getattr(ops, name)(picture, int(number)))


def pictures():
    """Returns noise, a ramp, few levels, dark, all one level, and nearly so."""
    generator = np.random.default_rng(0)
    shape = (23, 18, 3)
    ramp = np.broadcast_to(np.arange(18)[None, :, None] * 14, shape)
    return [
        generator.integers(0, 256, shape),
        ramp,
        generator.choice([3, 90, 200], shape),
        generator.integers(0, 40, shape),
        np.full(shape, 77),
        np.where(np.arange(23)[:, None, None] == 5, 78, np.full(shape, 77)),
        generator.normal(120, 30, shape).clip(0, 255),
    ]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *[("posterize", bits) for bits in range(1, 9)],
        *[("solarize", level) for level in (0, 1, 128, 255, 256)],
        *[
            (name, factor)
            for name in ("color", "contrast", "brightness", "sharpness")
            for factor in (0.0, 0.3, 1.0, 1.7, 2.5)
        ],
        *[(name, 0) for name in WITHOUT],
    ],
)
def test_as_pillow_on_other_images(name, number):
    images = np.stack(pictures()).astype(np.uint8)
    found = bytes_of(applied(name, number, images))
    for image, result in zip(images, found, strict=True):
        expected = pillow(name, number, image)
        assert np.abs(result - expected).max() <= 1


def test_posterize_to_no_bits_is_black():
    assert not applied("posterize", 0, golden_image()[None]).any()


@pytest.mark.parametrize("channels", [1, 4])
def test_images_without_colour_keep_what_they_are(channels):
    images = tf.random.stateless_uniform([2, 5, 5, channels], (1, 2), 0, 255)
    np.testing.assert_array_equal(pixels.saturation(images, tf.zeros(2)), images)
    for name in (*WITH_A_NUMBER, *WITHOUT):
        assert applied(name, 1, images.numpy()).shape == images.shape


def test_each_image_has_a_number_of_its_own():
    images = np.stack([golden_image()] * 3).astype(np.float32)
    for name, function in WITH_A_NUMBER.items():
        numbers = [0.0, 1.0, 7.0]
        together = function(tf.constant(images), tf.constant(numbers))
        for index, number in enumerate(numbers):
            alone = applied(name, number, images[:1])
            np.testing.assert_allclose(together[index], alone[0], atol=1e-3)


def test_tiny_images_cannot_be_sharpened():
    images = tf.ones([1, 2, 2, 3])
    np.testing.assert_array_equal(pixels.sharpness(images, tf.constant([3.0])), images)
