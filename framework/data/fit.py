"""Fits images of any size to one size: squashed, cropped or padded."""

from __future__ import annotations

import tensorflow as tf

SQUASH, CROP, PAD = "squash", "crop", "pad"
MODES = (SQUASH, CROP, PAD)


def fit(image: tf.Tensor, size: tuple[int, int], mode: str) -> tf.Tensor:
    """Returns an image at a size; resizing is bilinear with antialiasing.

    Args:
        image: Numbers [height, width, channels].
        size: Height and width in pixels.
        mode: "squash" changes the aspect ratio. "crop" keeps it, and cuts equal parts
            off both ends of the longer side. "pad" keeps it, and adds black bars of
            equal width (within a pixel) at both ends of the shorter side.

    Returns:
        float32 [*size, channels], or the image itself if it has that size.
    """
    shape = tf.shape(image)[:2]
    if mode == CROP:
        image = _cropped(image, shape, size)
    if mode == PAD:
        return _padded(image, shape, size)
    return _resized(image, tf.constant(size))


def _cropped(image: tf.Tensor, shape: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Returns the largest centred part of an image with the aspect ratio of `size`."""
    # [height, width] at the width, and at the height, of the image.
    kept = tf.minimum(shape, tf.maximum(_scaled(shape[::-1], size, size[::-1]), 1))
    start = (shape - kept) // 2
    return tf.slice(image, [start[0], start[1], 0], [kept[0], kept[1], -1])


def _padded(image: tf.Tensor, shape: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Returns an image as large as fits into `size`, in the middle of black."""
    # [height, width] if the width, and if the height, is that of `size`.
    new = tf.minimum(size, tf.maximum(_scaled(shape, size[::-1], shape[::-1]), 1))
    before = (size - new) // 2
    image = tf.cast(_resized(image, new), tf.float32)
    return tf.image.pad_to_bounding_box(image, before[0], before[1], *size)


def _scaled(
    lengths: tf.Tensor,
    factors: tf.Tensor | tuple[int, int],
    divisors: tf.Tensor | tuple[int, int],
) -> tf.Tensor:
    """Returns lengths * factors / divisors, rounded, int32 [2]."""
    product = tf.cast(lengths, tf.float64) * tf.cast(factors, tf.float64)
    return tf.cast(tf.round(product / tf.cast(divisors, tf.float64)), tf.int32)


def _resized(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    return tf.cond(
        tf.reduce_all(tf.equal(tf.shape(image)[:2], size)),
        lambda: tf.cast(image, tf.float32),
        lambda: tf.image.resize(image, size, antialias=True),
    )
