"""Changes of where things are in an image, all done by one resampling.

Each change is a matrix that maps a place in the new image to one in the old, in pixels
from the image's centre, x to the right and y down. `Policy` multiplies the matrices;
`warp` resamples once. Names and units are those of Keras's `ImageDataGenerator`.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from framework.augment.resample import FILLS, INTERPOLATIONS, warp
from framework.errors import UsageError
from framework.numerics import draws

__all__ = [
    "Fill",
    "Flip",
    "Geometric",
    "PadCrop",
    "ResizedCrop",
    "Rotate",
    "Shear",
    "Shift",
    "Zoom",
    "affine",
    "centred",
    "product",
    "rotation",
    "warp",
]


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

    def __post_init__(self):
        draws.at_least(0, degrees=self.degrees)

    def matrices(self, u, height, width):
        """See base class."""
        return rotation(_spread(u[:, 0], math.radians(self.degrees)))


@dataclasses.dataclass(frozen=True)
class Shift(Geometric):
    """Moves by up to `x` to the side and `y` up or down.

    Below 1 they are shares of width and height, from 1 on pixels. `y` is as `x` unless
    it is given.
    """

    x: float
    y: float | None = None
    draws = 2

    def __post_init__(self):
        draws.at_least(0, x=self.x, y=self.y or 0)

    def matrices(self, u, height, width):
        """See base class."""
        y = self.x if self.y is None else self.y
        right = _spread(u[:, 0], self.x * width if self.x < 1 else self.x)
        down = _spread(u[:, 1], y * height if y < 1 else y)
        return affine(1.0, 0.0, right, 0.0, 1.0, down)


@dataclasses.dataclass(frozen=True)
class Shear(Geometric):
    """Shears by up to `degrees` either way, as `ImageDataGenerator` does."""

    degrees: float
    draws = 1

    def __post_init__(self):
        draws.at_least(0, degrees=self.degrees)

    def matrices(self, u, height, width):
        """See base class."""
        sin, cos = _sin_cos(_spread(u[:, 0], math.radians(self.degrees)))
        return affine(1.0, -sin, 0.0, 0.0, cos, 0.0)


@dataclasses.dataclass(frozen=True)
class Zoom(Geometric):
    """Scales what is seen: below 1 things grow, above 1 they shrink.

    Attributes:
        by: Draws are from 1 - `by` to 1 + `by`; or from the first to the second.
        locked: Whether width and height share a draw, so that a circle stays one.
    """

    by: float | Sequence[float]
    locked: bool = False
    draws = 2

    def __post_init__(self):
        low, high = draws.limits(self.by)
        if not 0 < low <= high:
            raise UsageError(f"by must be from 0 to below 1, not {self.by}")

    def matrices(self, u, height, width):
        """See base class."""
        scale = draws.between(u, self.by)
        return affine(scale[:, 0], 0.0, 0.0, 0.0, scale[:, 0 if self.locked else 1], 0)


@dataclasses.dataclass(frozen=True)
class Flip(Geometric):
    """Mirrors half of the images left to right, or upside down, or each by a coin."""

    horizontal: bool = True
    vertical: bool = False
    draws = 2

    def matrices(self, u, height, width):
        """See base class."""
        sign = tf.where(u < (self.horizontal / 2, self.vertical / 2), -1.0, 1.0)
        return affine(sign[:, 0], 0.0, 0.0, 0.0, sign[:, 1], 0.0)


@dataclasses.dataclass(frozen=True)
class PadCrop(Geometric):
    """Pads by `pixels` on each side and cuts out at random, as is usual for CIFAR.

    What the padding shows is up to `fill`; usual is constant.
    """

    pixels: int
    draws = 2

    def __post_init__(self):
        draws.at_least(0, pixels=self.pixels)

    def matrices(self, u, height, width):
        """See base class."""
        offset = tf.floor(u * (2 * self.pixels + 1)) - self.pixels
        return affine(1.0, 0.0, offset[:, 0], 0.0, 1.0, offset[:, 1])


@dataclasses.dataclass(frozen=True)
class ResizedCrop(Geometric):
    """Cuts out a rectangle and stretches it to the whole, as is usual for ImageNet.

    Where a rectangle would be wider or higher than the image, that side is the image's.

    Attributes:
        scale: The least and the largest share of the area; uniform.
        ratio: The least and the largest width over height; uniform in its logarithm.
    """

    scale: Sequence[float] = (0.08, 1.0)
    ratio: Sequence[float] = (3 / 4, 4 / 3)
    draws = 4

    def __post_init__(self):
        draws.rising(scale=self.scale, ratio=self.ratio)

    def matrices(self, u, height, width):
        """See base class."""
        x, y = draws.rectangle(u[:, 0], u[:, 1], self.scale, self.ratio)
        # As shares of width and height, for images that are not square.
        x = tf.minimum(x * (height / width) ** 0.5, 1.0)
        y = tf.minimum(y * (width / height) ** 0.5, 1.0)
        right = (u[:, 2] - 0.5) * (width - width * x)
        down = (u[:, 3] - 0.5) * (height - height * y)
        return affine(x, 0.0, right, 0.0, y, down)


@dataclasses.dataclass(frozen=True)
class Fill:
    """What is seen beyond the edge of an image, and between its pixels.

    Attributes:
        mode: nearest, constant, reflect or wrap, by SciPy's rules.
        cval: The value of `constant`, in the units of the image.
        interpolation: bilinear or nearest.
    """

    mode: str = "nearest"
    cval: float = 0.0
    interpolation: str = "bilinear"

    def __post_init__(self):
        for name, known in (("mode", FILLS), ("interpolation", INTERPOLATIONS)):
            value = getattr(self, name)
            if value not in known:
                raise UsageError(
                    f"{name} must be one of {', '.join(known)}, not {value!r}"
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


def product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the products of [B, 3, 3] matrices, exact in float32 on any device."""
    return tf.reduce_sum(a[:, :, :, None] * b[:, None, :, :], axis=2)


def affine(*entries: tf.Tensor | float) -> tf.Tensor:
    """Returns [B, 3, 3] of the six upper entries, row by row; some are [B]."""
    batch = next(entry for entry in entries if isinstance(entry, tf.Tensor))
    columns = [entry + tf.zeros_like(batch) for entry in (*entries, 0.0, 0.0, 1.0)]
    return tf.reshape(tf.stack(columns, axis=1), [-1, 3, 3])


def rotation(angle: tf.Tensor) -> tf.Tensor:
    """Returns [B, 3, 3] that turn the picture counter-clockwise by [B] radians."""
    sin, cos = _sin_cos(angle)
    return affine(cos, -sin, 0.0, sin, cos, 0.0)


def _sin_cos(angle: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns sine and cosine of angles in radians, to 1e-6, by Taylor's series.

    Of TensorFlow's own the last bit depends on a number's place in a vector.
    """
    # The series is good for half a turn either way.
    angle -= math.tau * tf.round(angle / math.tau)
    # Of half the angle, so that a few terms do.
    square = tf.square(angle / 2)
    sin, cos = 0.0, 0.0
    for power in range(12, -1, -2):
        sign = (-1.0) ** (power // 2)
        sin = sin * square + sign / math.factorial(power + 1)
        cos = cos * square + sign / math.factorial(power)
    sin *= angle / 2
    return 2.0 * sin * cos, 1.0 - 2.0 * tf.square(sin)


def _spread(u: tf.Tensor, by: float) -> tf.Tensor:
    """Returns draws from -by to by."""
    return (2.0 * u - 1.0) * np.float32(by)
