"""Decodes an image file to uint8: JPEG and PNG by TensorFlow, other formats by Pillow.

16-bit images are scaled by 255/65535 and rounded, whatever their brightest pixel is, so
that images keep their differences. Of a TIFF file with three 16-bit channels, Pillow
keeps the upper byte. 32-bit images have no known range and are refused. Alpha channels
are dropped, not blended. The first frame of an animation is used. The EXIF orientation
is applied.
"""

from __future__ import annotations

import io

import numpy as np
import tensorflow as tf

from framework.data import exif, formats

# Pillow's names of the formats that it may try.
_PILLOW = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
# 65535 / 255.
_OF_16_BITS = 257
# The position of the number of bits in a PNG file.
_PNG_DEPTH = 24


def decode(content: tf.Tensor, is_served: bool) -> tf.Tensor:
    """Decodes a file.

    Args:
        content: String scalar, its content; the file's name does not matter.
        is_served: Whether the graph runs in another process, which cannot call Pillow.

    Returns:
        The upright image, uint8 [height, width, 3]; greyscale images have three equal
        channels.

    Raises:
        tf.errors.OpError: The file is damaged or of another format; `problem` says why.
    """
    is_jpeg = tf.equal(tf.strings.substr(content, 0, 3), b"\xff\xd8\xff")
    is_png = tf.equal(tf.strings.substr(content, 0, 4), b"\x89PNG")

    def by_tensorflow() -> tf.Tensor:
        # A position after the end is an error.
        depth = tf.minimum(_PNG_DEPTH, tf.strings.length(content))
        is_deep = is_png & tf.equal(tf.strings.substr(content, depth, 1), b"\x10")
        image = tf.cond(is_deep, lambda: _deep(content), lambda: _plain(content))
        return exif.upright(image, exif.orientation(content, is_png))

    def by_pillow() -> tf.Tensor:
        image = tf.numpy_function(by_content, [content], tf.uint8, stateful=False)
        return tf.ensure_shape(image, (None, None, 3))

    def refused() -> tf.Tensor:
        check = tf.debugging.Assert(tf.constant(False), ["not a JPEG or PNG file"])
        with tf.control_dependencies([check]):
            return tf.zeros((1, 1, 3), tf.uint8)

    return tf.cond(is_jpeg | is_png, by_tensorflow, refused if is_served else by_pillow)


def by_content(content: bytes) -> np.ndarray:
    """Decodes a file by Pillow; returns the upright image, uint8 [height, width, 3].

    Raises:
        ValueError: The file is damaged, of another format, or its pixels have no known
            range.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(content), formats=_PILLOW) as file:
            image = ImageOps.exif_transpose(file)
    # Pillow's plugins raise many kinds of errors for damaged files.
    except Exception as reason:
        raise ValueError(str(reason)) from None
    if image.mode.startswith("I;16"):
        deep = np.asarray(image, np.float32)
        grey = np.round(deep / _OF_16_BITS).astype(np.uint8)
        return np.repeat(grey[..., np.newaxis], 3, axis=-1)
    if image.mode in ("I", "F"):
        raise ValueError(
            "has 32-bit pixels, whose range is not known; convert it to 8 or 16 bits"
        )
    return np.asarray(image.convert("RGB"))


def problem(content: bytes) -> str:
    """Returns why a file cannot be decoded, in words.

    >>> problem(b"<html>")
    'is not a complete image file (JPEG, PNG, WebP, BMP, GIF or TIFF)'

    Args:
        content: Its content.
    """
    kind = formats.of_content(content[: formats.HEAD])
    if kind and kind not in formats.SUFFIXES.values():
        return f"is a {kind} file, a format that is not read"
    if kind not in formats.OF_TENSORFLOW:
        try:
            by_content(content)
        except ValueError as reason:
            if str(reason).startswith("has "):
                return str(reason)
    if kind:
        return f"is not a complete {kind} file"
    *others, last = dict.fromkeys(formats.SUFFIXES.values())
    return f"is not a complete image file ({', '.join(others)} or {last})"


def _plain(content: tf.Tensor) -> tf.Tensor:
    # Three channels even for greyscale: CMYK files cannot be decoded to one.
    image = tf.io.decode_image(content, channels=3, expand_animations=False)
    return tf.ensure_shape(image, (None, None, 3))


def _deep(content: tf.Tensor) -> tf.Tensor:
    """Decodes a PNG file of 16 bits; TensorFlow itself would drop the lower byte."""
    image = tf.io.decode_png(content, channels=3, dtype=tf.uint16)
    scaled = tf.round(tf.cast(image, tf.float32) / _OF_16_BITS)
    return tf.ensure_shape(tf.cast(scaled, tf.uint8), (None, None, 3))
