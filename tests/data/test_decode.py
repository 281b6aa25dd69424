"""Tests of framework/data/decode.py."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from framework.data.decode import by_content, decode, problem

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


# One graph for all of the files, as in a pipeline.
@tf.function(input_signature=[tf.TensorSpec((), tf.string)])
def compiled(content):
    return decode(content, is_served=False)


def decoded(content):
    return compiled(content).numpy()


LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "BMP": {}, "TIFF": {}}


@pytest.mark.parametrize(("kind", "options"), LOSSLESS.items())
def test_lossless_formats_keep_all_pixels(kind, options):
    content = encoded(Image.fromarray(PIXELS), kind, **options)
    np.testing.assert_array_equal(decoded(content), PIXELS)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation_is_used(kind):
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(
        decoded(content), np.broadcast_to([255, 0, 0], PIXELS.shape), atol=3
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_the_orientation_is_applied(kind, orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    content = encoded(Image.fromarray(PIXELS), kind, exif=tags)
    with Image.open(io.BytesIO(content)) as file:
        expected = np.asarray(ImageOps.exif_transpose(file).convert("RGB"))
    tolerance = 2 if kind in ("JPEG", "WEBP") else 0
    np.testing.assert_allclose(
        decoded(content).astype(int), expected.astype(int), atol=tolerance
    )


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_and_rounded(kind):
    # 128 and 129 lie on both sides of half a step of 257; a shift would give 0 twice.
    values = np.array([[0, 128, 129, 36_000, 65_535]], np.uint16)
    image = decoded(encoded(Image.fromarray(values), kind))
    assert image[0, :, 0].tolist() == [0, 0, 1, 140, 255]
    np.testing.assert_array_equal(image[..., 0], image[..., 2])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_modes_of_tiff(mode):
    image = Image.new("RGB", (6, 4), (200, 50, 30)).convert(mode)
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(decoded(encoded(image, "TIFF")), expected)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_pixels_of_no_known_range_are_refused(kind):
    content = encoded(Image.fromarray(np.ones((4, 4), kind)), "TIFF")
    with pytest.raises(ValueError, match="32-bit pixels"):
        by_content(content)
    assert "convert it to 8 or 16 bits" in problem(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a complete image file (JPEG, PNG, WebP, BMP, GIF or TIFF)"),
        (b"<html>", "is not a complete image file (JPEG, PNG, "),
        (b"\xff\xd8\xff\xe0 no more", "is not a complete JPEG file"),
        (encoded(Image.fromarray(PIXELS), "BMP")[:60], "complete BMP file"),
        (encoded(Image.fromarray(PIXELS), "WEBP")[:40], "complete WebP file"),
        (b"\0\0\0\x20ftypheic", "is a HEIC file, a format that is not read"),
    ],
)
def test_problem_says_what_is_wrong(content, reason):
    with pytest.raises(tf.errors.OpError):
        decoded(content)
    assert reason in problem(content)
