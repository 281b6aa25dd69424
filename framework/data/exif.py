"""EXIF orientation of JPEG and PNG files, in plain TensorFlow operations.

The operations run in tf.data and in image servers. Source: CIPA DC-008 (Exif 2.32), tag
0x0112; PNG third edition, chunk eXIf.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

_ORIENTATION = 0x0112
# TIFF types of a field, and the bytes of an entry.
_LONG = 4
_ENTRY = 12
# Markers of JPEG after which there is no further metadata: the start of the scan and
# the end of the image.
_SCAN, _END = 0xDA, 0xD9
_APP1 = 0xE1
_PREFIX = b"Exif\0\0"
# The number of bytes at the beginning of a file in which the orientation is looked for;
# a segment has 64 KiB at most, and cameras write this one first.
_HEAD = 2**18
# Bytes that are added to a file, at least as many as its longest number has.
_PADDING = 4


def orientation(content: tf.Tensor, is_png: tf.Tensor) -> tf.Tensor:
    """Returns the EXIF orientation of a file, int64 scalar from 1 to 8.

    Args:
        content: String scalar, the content of a JPEG or PNG file.
        is_png: Bool scalar, whether it is a PNG file.

    Returns:
        1 (upright) if the file has none, or one out of range. Metadata after the first
        image data of a PNG file are not looked at.
    """
    content = tf.strings.substr(content, 0, _HEAD)
    values = tf.pad(tf.io.decode_raw(content, tf.uint8), [[0, _PADDING]])
    file = _Bytes(content, tf.cast(values, tf.int64))
    start = tf.cond(is_png, lambda: _find_in_png(file), lambda: _find_in_jpeg(file))
    return tf.cond(
        start > 0, lambda: _read(file, start), lambda: tf.constant(1, "int64")
    )


def upright(image: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """Returns an image turned and mirrored such that it is upright.

    Args:
        image: [height, width, channels].
        value: int64 scalar, its EXIF orientation from 1 to 8.
    """

    def turned() -> tf.Tensor:
        straight = tf.cond(
            value >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image
        )
        across = _is_any(value, (2, 3, 6, 7))
        mirrored = tf.cond(across, lambda: tf.reverse(straight, (1,)), lambda: straight)
        down = _is_any(value, (3, 4, 7, 8))
        return tf.cond(down, lambda: tf.reverse(mirrored, (0,)), lambda: mirrored)

    return tf.cond(value > 1, turned, lambda: image)


def _is_any(value: tf.Tensor, values: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(tf.equal(value, tf.constant(values, tf.int64)))


@dataclasses.dataclass(frozen=True, eq=False)
class _Bytes:
    """The bytes of a file, and 0 after its end.

    Attributes:
        content: String scalar.
        values: int64 [N + _PADDING].
    """

    content: tf.Tensor
    values: tf.Tensor

    @property
    def size(self) -> tf.Tensor:
        """int64 scalar, the number of bytes."""
        return tf.size(self.values, out_type=tf.int64) - _PADDING

    def number(self, index: tf.Tensor, count: int, is_big: Any = True) -> tf.Tensor:
        """Returns the unsigned integers of `count` bytes at int64 indices."""
        places = tf.clip_by_value(index, 0, self.size)[..., tf.newaxis]
        digits = tf.gather(self.values, places + np.arange(count))
        powers = 256 ** np.arange(count)
        return tf.reduce_sum(digits * tf.where(is_big, powers[::-1], powers), -1)

    def is_text(self, index: tf.Tensor, text: bytes) -> tf.Tensor:
        """Returns whether a text is at a scalar index."""
        start = tf.clip_by_value(index, 0, self.size)
        return tf.equal(tf.strings.substr(self.content, start, len(text)), text)


def _find_in_jpeg(file: _Bytes) -> tf.Tensor:
    """Returns where the TIFF header is, or 0 if there is none."""

    def is_segment(index: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
        marker = file.number(index + 1, 1)
        is_over = tf.equal(marker, _SCAN) | tf.equal(marker, _END)
        return tf.equal(start, 0) & tf.equal(file.number(index, 1), 0xFF) & ~is_over

    def following(index: tf.Tensor, start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        marker = file.number(index + 1, 1)
        is_exif = tf.equal(marker, _APP1) & file.is_text(index + 4, _PREFIX)
        # Markers may be padded with 0xFF.
        step = tf.where(
            tf.equal(marker, 0xFF),
            tf.constant(1, "int64"),
            file.number(index + 2, 2) + 2,
        )
        return index + step, tf.where(is_exif, index + 10, start)

    first = (tf.constant(2, tf.int64), tf.constant(0, tf.int64))
    return tf.while_loop(is_segment, following, first)[1]


def _find_in_png(file: _Bytes) -> tf.Tensor:
    """Returns where the TIFF header is, or 0 if there is none before the image."""

    def is_chunk(index: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
        is_over = (index >= file.size) | file.is_text(index + 4, b"IDAT")
        return tf.equal(start, 0) & ~is_over

    def following(index: tf.Tensor, start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Some programs write the prefix that only JPEG files should have.
        has_prefix = file.is_text(index + 8, _PREFIX)
        begin = tf.where(has_prefix, index + 14, index + 8)
        is_exif = file.is_text(index + 4, b"eXIf")
        return index + 12 + file.number(index, 4), tf.where(is_exif, begin, start)

    first = (tf.constant(8, tf.int64), tf.constant(0, tf.int64))
    return tf.while_loop(is_chunk, following, first)[1]


def _read(file: _Bytes, start: tf.Tensor) -> tf.Tensor:
    """Returns the orientation in the TIFF structure that begins at `start`."""
    is_big = file.is_text(start, b"MM")
    directory = start + file.number(start + 4, 4, is_big)
    count = file.number(directory, 2, is_big)
    entries = directory + 2 + _ENTRY * tf.range(tf.minimum(count, file.size // _ENTRY))
    is_it = tf.equal(file.number(entries, 2, is_big), _ORIENTATION)
    is_long = tf.equal(file.number(entries + 2, 2, is_big), _LONG)
    short, long = (file.number(entries + 8, size, is_big) for size in (2, 4))
    found = tf.boolean_mask(tf.where(is_long, long, short), is_it)
    value = tf.reduce_max(tf.concat([found[:1], tf.zeros(1, tf.int64)], 0))
    return tf.where((value >= 1) & (value <= 8), value, tf.constant(1, tf.int64))
