"""Tests of framework/augment/pixels.py, with Pillow as the oracle."""

import functools
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf

from framework.augment import pixels

IDG = np.load(pathlib.Path(__file__).parents[1] / "golden/augment/idg.npz")
XLA = pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
# By Pillow's names.
WITH_PARAMETER = {
    "posterize": pixels.posterize,
    "solarize": pixels.solarize,
    "color": pixels.saturation,
    "contrast": pixels.contrast,
    "brightness": pixels.brightness,
    "sharpness": pixels.sharpness,
}
WITHOUT_PARAMETER = {
    "autocontrast": pixels.autocontrast,
    "equalize": pixels.equalize,
    "invert": pixels.invert,
}


FACTORS = (0.0, 0.3, 1.0, 1.7, 2.5)
NUMBERS = {
    "posterize": range(1, 9),
    "solarize": (0, 1, 128, 255, 256),
    "color": FACTORS,
    "contrast": FACTORS,
    "brightness": FACTORS,
    "sharpness": FACTORS,
    "autocontrast": (0,),
    "equalize": (0,),
    "invert": (0,),
}


def golden_image():
    i, j, k = np.ogrid[:16, :16, :3]
    return ((7 * i + 11 * j + 29 * k + 13 * (i * j % 5)) % 256).astype(np.uint8)


def bytes_of(actual):
    return np.clip(np.floor(actual), 0, 255).astype(int)


@functools.cache
def compiled(name, jit):
    """Returns a function that is traced once for all parameters of an operation."""
    functions = WITHOUT_PARAMETER | WITH_PARAMETER
    return tf.function(functions[name], jit_compile=jit)


def applied(name, number, images, jit=False):
    is_free = name in WITHOUT_PARAMETER
    arguments = () if is_free else (tf.fill([len(images)], float(number)),)
    images = tf.constant(images, tf.float32)
    return compiled(name, jit)(images, *arguments).numpy()


@XLA
@pytest.mark.parametrize("case", [name for name in IDG.files if name[:4] == "pil_"])
def test_matches_golden_values_of_pillow(case, jit):
    name, number = re.fullmatch(r"pil_([a-z]+)([\d.]*)", case).groups()
    (actual,) = applied(name, number or 0, golden_image()[None], jit)
    assert np.abs(bytes_of(actual) - IDG[case]).max() <= 1


def pillow(name, number, image):
    ops = pytest.importorskip("PIL.ImageOps")
    enhance = pytest.importorskip("PIL.ImageEnhance")
    picture = pytest.importorskip("PIL.Image").fromarray(image)
    if name in ("color", "contrast", "brightness", "sharpness"):
        return np.asarray(getattr(enhance, name.capitalize())(picture).enhance(number))
    if name in WITHOUT_PARAMETER:
        return np.asarray(getattr(ops, name)(picture))
    return np.asarray(getattr(ops, name)(picture, int(number)))


def pictures():
    """Returns noise, a ramp, few levels, dark, uniform, and almost uniform images."""
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
    [(name, number) for name, numbers in NUMBERS.items() for number in numbers],
)
def test_matches_pillow_on_other_images(name, number):
    images = np.stack(pictures()).astype(np.uint8)
    actual = bytes_of(applied(name, number, images))
    for image, result in zip(images, actual, strict=True):
        expected = pillow(name, number, image)
        assert np.abs(result - expected).max() <= 1


def test_posterize_to_zero_bits_is_black():
    assert not applied("posterize", 0, golden_image()[None]).any()


@pytest.mark.parametrize("channels", [1, 4])
def test_accepts_images_without_colour(channels):
    images = tf.random.stateless_uniform([2, 5, 5, channels], (1, 2), 0, 255)
    np.testing.assert_array_equal(pixels.saturation(images, tf.zeros(2)), images)
    for name in (*WITH_PARAMETER, *WITHOUT_PARAMETER):
        assert applied(name, 1, images.numpy()).shape == images.shape


def test_each_image_has_its_own_parameter():
    images = np.stack([golden_image()] * 3).astype(np.float32)
    for name, function in WITH_PARAMETER.items():
        numbers = [0.0, 1.0, 7.0]
        together = function(tf.constant(images), tf.constant(numbers))
        for index, number in enumerate(numbers):
            alone = applied(name, number, images[:1])
            np.testing.assert_allclose(together[index], alone[0], atol=1e-3)


def test_sharpness_leaves_tiny_images_unchanged():
    images = tf.ones([1, 2, 2, 3])
    np.testing.assert_array_equal(pixels.sharpness(images, tf.constant([3.0])), images)
