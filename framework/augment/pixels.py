"""Pixel operations: those of Pillow, on floats.

Each takes images, float32 [B, height, width, C] in the units of the data, and some a
parameter for each image, float32 [B]; it returns images of the same shape. Results are
neither rounded nor clipped, and within one level of Pillow's. The operations of
`ImageOps` require values from 0 to 255 and treat channels separately.
"""

from __future__ import annotations

import tensorflow as tf

# Weights of red, green and blue in luma (ITU-R BT.601), as in Pillow.
_LUMA = (0.299, 0.587, 0.114)
_SMOOTH = ((1, 1, 1), (1, 5, 1), (1, 1, 1))


def per_image(values: tf.Tensor) -> tf.Tensor:
    """Reshapes [B] to [B, 1, 1, 1], for broadcasting to images."""
    return values[:, None, None, None]


def blend(a: tf.Tensor, b: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Interpolates from `a` (factor 0) to `b` (factor 1); extrapolates beyond."""
    return a + per_image(factor) * (b - a)


def luma(images: tf.Tensor) -> tf.Tensor:
    """Returns the luma of each pixel, [B, height, width, 1]."""
    if images.shape[3] != 3:
        return tf.reduce_mean(images, axis=3, keepdims=True)
    red, green, blue = tf.split(images, 3, axis=3)
    return _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue


def brightness(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Multiplies by a factor; 0 gives black."""
    return images * per_image(factor)


def contrast(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Scales the difference from the mean luma; a factor of 0 gives uniform grey."""
    mean = tf.reduce_mean(luma(images), axis=(1, 2), keepdims=True)
    return blend(mean, images, factor)


def saturation(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Scales the difference from the grey image; only RGB images are changed."""
    if images.shape[3] != 3:
        return images
    return blend(luma(images), images, factor)


def sharpness(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Scales the difference from the smoothed image; edge pixels are unchanged."""
    _, height, width, _ = images.shape
    if min(height, width) < 3:
        return images
    total = 0.0
    for i, weights in enumerate(_SMOOTH):
        for j, weight in enumerate(weights):
            total += weight * images[:, i : height - 2 + i, j : width - 2 + j]
    inner = images[:, 1:-1, 1:-1]
    change = (per_image(factor) - 1.0) * (inner - total / 13.0)
    return images + tf.pad(change, [[0, 0], [1, 1], [1, 1], [0, 0]])


def invert(images: tf.Tensor) -> tf.Tensor:
    """Inverts values."""
    return 255.0 - images


def posterize(images: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Keeps the most significant bits, from 0 to 8."""
    step = tf.bitwise.left_shift(1, 8 - tf.cast(bits, tf.int32))
    step = per_image(tf.cast(step, tf.float32))
    return tf.floor(_levels(images) / step) * step


def solarize(images: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """Inverts values at or above a threshold."""
    return tf.where(images < per_image(threshold), images, invert(images))


def autocontrast(images: tf.Tensor) -> tf.Tensor:
    """Stretches each channel to the range 0 to 255."""
    low = tf.reduce_min(images, axis=(1, 2), keepdims=True)
    high = tf.reduce_max(images, axis=(1, 2), keepdims=True)
    scale = tf.where(high > low, 255.0 / tf.maximum(high - low, 1e-6), 1.0)
    return (images - tf.where(high > low, low, 0.0)) * scale


def equalize(images: tf.Tensor) -> tf.Tensor:
    """Equalizes the histogram of each channel."""
    rows, height, width, channels = images.shape
    levels = tf.cast(tf.clip_by_value(_levels(images), 0.0, 255.0), tf.int32)
    flat = tf.reshape(tf.transpose(levels, [0, 3, 1, 2]), [-1, height * width])
    count = tf.shape(flat)[0]
    bins = flat + 256 * tf.range(count)[:, None]
    bins = tf.reshape(bins, [-1])
    total = None if rows is None else 256 * rows * channels
    histogram = tf.math.unsorted_segment_sum(
        tf.ones_like(bins), bins, total or 256 * count
    )
    histogram = tf.reshape(histogram, [-1, 256])
    table = _equalization_table(histogram, height * width)
    equalized = tf.gather(tf.reshape(table, [-1]), bins)
    equalized = tf.reshape(equalized, [-1, channels, height, width])
    return tf.cast(tf.transpose(equalized, [0, 2, 3, 1]), tf.float32)


def _levels(images: tf.Tensor) -> tf.Tensor:
    """Rounds to integers; fractions come from resampling."""
    return tf.floor(images + 0.5)


def _equalization_table(histogram: tf.Tensor, pixels: int) -> tf.Tensor:
    """Returns the new level of each level, int32 [n, 256], as Pillow does.

    Args:
        histogram: int32 [n, 256].
        pixels: The sum of each histogram.
    """
    levels = tf.range(256)
    used = tf.where(histogram > 0, levels, 0)
    last = tf.reduce_max(used, axis=1, keepdims=True)
    last_count = tf.reduce_sum(tf.where(levels == last, histogram, 0), 1, keepdims=True)
    step = (pixels - last_count) // 255
    below = tf.cumsum(histogram, axis=1, exclusive=True)
    table = (step // 2 + below) // tf.maximum(step, 1)
    return tf.where(step > 0, tf.minimum(table, 255), levels)
