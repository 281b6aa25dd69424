"""What can be done to the pixels of images: Pillow's operations, on floats.

Each takes images, float32 [B, height, width, C] in the data's own units, and perhaps
float32 [B], one number an image; and returns images of the same shape. Results are
neither rounded nor clipped, so they are within one level of Pillow's. Those of
`ImageOps` need values from 0 to 255, and treat each channel by itself.
"""

from __future__ import annotations

import tensorflow as tf

# Of red, green and blue in what the eye sees as bright (ITU-R BT.601), as in Pillow.
_LUMA = (0.299, 0.587, 0.114)
_SMOOTH = ((1, 1, 1), (1, 5, 1), (1, 1, 1))


def each(values: tf.Tensor) -> tf.Tensor:
    """Returns [B, 1, 1, 1] of [B], to be multiplied with images."""
    return values[:, None, None, None]


def blend(a: tf.Tensor, b: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Returns `a` at a factor of 0, `b` at 1, and beyond `b` above 1."""
    return a + each(factor) * (b - a)


def luma(images: tf.Tensor) -> tf.Tensor:
    """Returns [B, height, width, 1], how bright each pixel is."""
    if images.shape[3] != 3:
        return tf.reduce_mean(images, axis=3, keepdims=True)
    red, green, blue = tf.split(images, 3, axis=3)
    return _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue


def brightness(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Multiplies: 0 is black."""
    return images * each(factor)


def contrast(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Moves pixels away from the mean brightness of their image: 0 is all grey."""
    mean = tf.reduce_mean(luma(images), axis=(1, 2), keepdims=True)
    return blend(mean, images, factor)


def saturation(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Moves pixels away from their grey: 0 is a grey image. Of RGB images only."""
    if images.shape[3] != 3:
        return images
    return blend(luma(images), images, factor)


def sharpness(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Moves pixels away from the mean of their neighbours; the outermost stay."""
    _, height, width, _ = images.shape
    if min(height, width) < 3:
        return images
    total = 0.0
    for i, weights in enumerate(_SMOOTH):
        for j, weight in enumerate(weights):
            total += weight * images[:, i : height - 2 + i, j : width - 2 + j]
    inner = images[:, 1:-1, 1:-1]
    change = (each(factor) - 1.0) * (inner - total / 13.0)
    return images + tf.pad(change, [[0, 0], [1, 1], [1, 1], [0, 0]])


def invert(images: tf.Tensor) -> tf.Tensor:
    """Returns the negative."""
    return 255.0 - images


def posterize(images: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Keeps so many of the upper bits, from 0 to 8."""
    step = tf.bitwise.left_shift(1, 8 - tf.cast(bits, tf.int32))
    step = each(tf.cast(step, tf.float32))
    return tf.floor(_levels(images) / step) * step


def solarize(images: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """Inverts what is not below a threshold."""
    return tf.where(images < each(threshold), images, invert(images))


def autocontrast(images: tf.Tensor) -> tf.Tensor:
    """Stretches each channel to all of 0 to 255."""
    low = tf.reduce_min(images, axis=(1, 2), keepdims=True)
    high = tf.reduce_max(images, axis=(1, 2), keepdims=True)
    scale = tf.where(high > low, 255.0 / tf.maximum(high - low, 1e-6), 1.0)
    return (images - tf.where(high > low, low, 0.0)) * scale


def equalize(images: tf.Tensor) -> tf.Tensor:
    """Makes all levels of each channel about equally frequent."""
    rows, height, width, channels = images.shape
    levels = tf.cast(tf.clip_by_value(_levels(images), 0.0, 255.0), tf.int32)
    flat = tf.reshape(tf.transpose(levels, [0, 3, 1, 2]), [-1, height * width])
    count = tf.shape(flat)[0]
    places = flat + 256 * tf.range(count)[:, None]
    places = tf.reshape(places, [-1])
    total = None if rows is None else 256 * rows * channels
    counted = tf.math.unsorted_segment_sum(
        tf.ones_like(places), places, total or 256 * count
    )
    counted = tf.reshape(counted, [-1, 256])
    table = _equalizing(counted, height * width)
    found = tf.gather(tf.reshape(table, [-1]), places)
    found = tf.reshape(found, [-1, channels, height, width])
    return tf.cast(tf.transpose(found, [0, 2, 3, 1]), tf.float32)


def _levels(images: tf.Tensor) -> tf.Tensor:
    """Returns whole numbers; what is in between comes from resampling."""
    return tf.floor(images + 0.5)


def _equalizing(histogram: tf.Tensor, pixels: int) -> tf.Tensor:
    """Returns int32 [n, 256], the new level of each of [n, 256] counts, as Pillow."""
    levels = tf.range(256)
    used = tf.where(histogram > 0, levels, 0)
    last = tf.reduce_max(used, axis=1, keepdims=True)
    of_last = tf.reduce_sum(tf.where(levels == last, histogram, 0), 1, keepdims=True)
    step = (pixels - of_last) // 255
    below = tf.cumsum(histogram, axis=1, exclusive=True)
    table = (step // 2 + below) // tf.maximum(step, 1)
    return tf.where(step > 0, tf.minimum(table, 255), levels)
