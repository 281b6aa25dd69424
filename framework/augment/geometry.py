"""Changes of where things are in an image, all done by one resampling.

Each change is a matrix that maps a place in the new image to one in the old, in pixels
from the image's centre, x to the right and y down. `Policy` multiplies the matrices;
`warp` resamples once. Names and units are those of Keras's `ImageDataGenerator`.
"""

from __future__ import annotations

import abc
import dataclasses
import math

import tensorflow as tf

from framework.errors import UsageError

FILLS = ("nearest", "constant", "reflect", "wrap")


class Geometric(abc.ABC):
    """A change of geometry.

    Attributes:
        draws: How many random numbers an image takes.
    """

    draws: int

    @abc.abstractmethod
    def matrices(self, u: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """Returns float32 [B, 3, 3], from the new image to the old, about its centre.

        Args:
            u: float32 [B, draws], uniform in [0, 1).
            height: Of the images, in pixels.
            width: Of the images, in pixels.
        """


@dataclasses.dataclass(frozen=True)
class Rotate(Geometric):
    """Turns by up to `degrees` either way."""

    degrees: float
    draws = 1

    def matrices(self, u, height, width):
        """See base class."""
        angle = _spread(u[:, 0], self.degrees * math.pi / 180)
        sin, cos = tf.sin(angle), tf.cos(angle)
        return _matrices(cos, -sin, 0.0, sin, cos, 0.0)


@dataclasses.dataclass(frozen=True)
class Shift(Geometric):
    """Moves by up to `x` to the side and `y` up or down.

    Below 1 they are shares of width and height, from 1 on pixels. `y` is as `x` unless
    it is given.
    """

    x: float
    y: float | None = None
    draws = 2

    def matrices(self, u, height, width):
        """See base class."""
        y = self.x if self.y is None else self.y
        right = _spread(u[:, 0], self.x * width if self.x < 1 else self.x)
        down = _spread(u[:, 1], y * height if y < 1 else y)
        return _matrices(1.0, 0.0, right, 0.0, 1.0, down)


@dataclasses.dataclass(frozen=True)
class Shear(Geometric):
    """Shears by up to `degrees` either way, as `ImageDataGenerator` does."""

    degrees: float
    draws = 1

    def matrices(self, u, height, width):
        """See base class."""
        angle = _spread(u[:, 0], self.degrees * math.pi / 180)
        return _matrices(1.0, -tf.sin(angle), 0.0, 0.0, tf.cos(angle), 0.0)


@dataclasses.dataclass(frozen=True)
class Zoom(Geometric):
    """Scales width and height, each by its own draw from 1 - `by` to 1 + `by`."""

    by: float
    draws = 2

    def __post_init__(self):
        if not 0 <= self.by < 1:
            raise UsageError(f"by must be from 0 to below 1, not {self.by}")

    def matrices(self, u, height, width):
        """See base class."""
        scale = 1.0 + _spread(u, self.by)
        return _matrices(scale[:, 0], 0.0, 0.0, 0.0, scale[:, 1], 0.0)


@dataclasses.dataclass(frozen=True)
class Flip(Geometric):
    """Mirrors half of the images left to right, or upside down, or each by a coin."""

    horizontal: bool = True
    vertical: bool = False
    draws = 2

    def matrices(self, u, height, width):
        """See base class."""
        sign = tf.where(u < 0.5, -1.0, 1.0)
        x = sign[:, 0] if self.horizontal else 1.0
        y = sign[:, 1] if self.vertical else 1.0
        return _matrices(x + 0.0 * u[:, 0], 0.0, 0.0, 0.0, y + 0.0 * u[:, 0], 0.0)


@dataclasses.dataclass(frozen=True)
class Fill:
    """What is seen beyond the edge of an image, by SciPy's rules.

    Attributes:
        mode: nearest, constant, reflect or wrap.
        cval: The value of `constant`, in the units of the image.
    """

    mode: str = "nearest"
    cval: float = 0.0

    def __post_init__(self):
        if self.mode not in FILLS:
            raise UsageError(
                f"mode must be one of {', '.join(FILLS)}, not {self.mode!r}"
            )


def centred(matrices: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Returns float32 [B, 2, 3] from corner pixels, of [B, 3, 3] from the centre.

    The centre is that of the pixel grid, ((width - 1) / 2, (height - 1) / 2).
    """
    x, y = (width - 1) / 2, (height - 1) / 2
    rows = []
    for row, centre in zip(tf.unstack(matrices[:, :2], axis=1), (x, y), strict=True):
        a, b, c = tf.unstack(row, axis=1)
        rows.append(tf.stack([a, b, c + centre - a * x - b * y], axis=1))
    return tf.stack(rows, axis=1)


def warp(
    images: tf.Tensor,
    matrices: tf.Tensor,
    fill: str = "nearest",
    cval: float = 0.0,
    interpolation: str = "bilinear",
) -> tf.Tensor:
    """Resamples each image where its matrix says.

    Beyond the edge the rules are those of `scipy.ndimage.affine_transform`: "nearest"
    repeats the last pixel, "reflect" mirrors including it, "wrap" repeats with a period
    of one pixel less than the size, "constant" is `cval` for all that is outside.

    Args:
        images: float [B, height, width, C].
        matrices: float32 [B, 2, 3], from (x, y, 1) in the new image to (x, y) in the
            old, in pixels; x is the column.
        fill: One of `FILLS`.
        cval: The value of "constant".
        interpolation: "bilinear" or "nearest".

    Returns:
        Images of the same shape and type.
    """
    _, height, width, channels = images.shape
    x, y = _sources(matrices, height, width)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    if fill == "wrap":
        x, y = _wrapped(x, width), _wrapped(y, height)
    if interpolation == "nearest":
        x, y = tf.floor(x + 0.5), tf.floor(y + 0.5)
    left, top = tf.floor(x), tf.floor(y)
    pixels = tf.reshape(images, [-1, height * width, channels])

    def tap(column: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
        index = _within(row, height, fill) * width + _within(column, width, fill)
        return tf.gather(pixels, index, batch_dims=1)

    if interpolation == "nearest":
        result = tap(left, top)
    else:
        right, down = (x - left)[:, :, None], (y - top)[:, :, None]
        right, down = tf.cast(right, images.dtype), tf.cast(down, images.dtype)
        upper = tap(left, top) * (1 - right) + tap(left + 1, top) * right
        lower = tap(left, top + 1) * (1 - right) + tap(left + 1, top + 1) * right
        result = upper * (1 - down) + lower * down
    if fill == "constant":
        result = tf.where(inside[:, :, None], result, tf.cast(cval, images.dtype))
    return tf.reshape(result, tf.shape(images))


def _sources(
    matrices: tf.Tensor, height: int, width: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns where each new pixel comes from: x and y, each [B, height * width]."""
    column = tf.reshape(
        tf.tile(tf.range(width, dtype=tf.float32)[None], [height, 1]), [1, -1]
    )
    row = tf.reshape(
        tf.tile(tf.range(height, dtype=tf.float32)[:, None], [1, width]), [1, -1]
    )
    a, b, c, d, e, f = (
        tf.reshape(entry, [-1, 1])
        for entry in tf.unstack(tf.reshape(matrices, [-1, 6]), axis=1)
    )
    # Not a matrix product: those lose whole pixels where they are done in bfloat16.
    return a * column + b * row + c, d * column + e * row + f


def _within(index: tf.Tensor, size: int, fill: str) -> tf.Tensor:
    """Returns int32 indices from 0 to size - 1 for any whole float ones."""
    if fill == "reflect":
        index = tf.math.floormod(index, 2.0 * size)
        index = tf.minimum(index, 2.0 * size - 1 - index)
    return tf.cast(tf.clip_by_value(index, 0.0, size - 1.0), tf.int32)


def _wrapped(place: tf.Tensor, size: int) -> tf.Tensor:
    """Returns places from 0 to size - 1, with SciPy's period of size - 1."""
    if size == 1:
        return tf.zeros_like(place)
    outside = (place < 0) | (place > size - 1)
    return tf.where(outside, tf.math.floormod(place, size - 1.0), place)


def _spread(u: tf.Tensor, by: float) -> tf.Tensor:
    """Returns draws from -by to by."""
    return (2.0 * u - 1.0) * by


def _matrices(*entries: tf.Tensor | float) -> tf.Tensor:
    """Returns [B, 3, 3] of the six upper entries, row by row; some are [B]."""
    batch = next(entry for entry in entries if isinstance(entry, tf.Tensor))
    columns = [entry + tf.zeros_like(batch) for entry in (*entries, 0.0, 0.0, 1.0)]
    return tf.reshape(tf.stack(columns, axis=1), [-1, 3, 3])
