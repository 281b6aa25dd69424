"""Affine augmentations, which are combined into one resampling.

Each is a matrix from coordinates in the new image to coordinates in the old one, in
pixels from the centre of the image, with x to the right and y down. `Policy` multiplies
the matrices; `warp` resamples once. Names and units are those of Keras's
`ImageDataGenerator`.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from framework.augment.base import Augmentation
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
    "compose",
    "rotation",
    "warp",
    "with_corner_origin",
]


class Geometric(Augmentation, abc.ABC):
    """An affine transformation."""

    @abc.abstractmethod
    def matrices(self, u: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """Returns float32 [B, 3, 3], from new to old coordinates around the centre.

        Args:
            u: float32 [B, draws], uniform in [0, 1).
            height: Image height in pixels.
            width: Image width in pixels.
        """


@dataclasses.dataclass(frozen=True)
class Rotate(Geometric):
    """Rotates by up to `degrees` in either direction.

    >>> matrices = Rotate(90).matrices(tf.constant([[1.0]]), 8, 8)
    >>> matrices.numpy().round(3).tolist()[0]
    [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """

    degrees: float
    draws = 1

    def __post_init__(self) -> None:
        draws.check_at_least(0, degrees=self.degrees)

    def matrices(self, u: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """See base class."""
        return rotation(_symmetric(u[:, 0], math.radians(self.degrees)))


@dataclasses.dataclass(frozen=True)
class Shift(Geometric):
    """Shifts by up to `x` horizontally and `y` vertically.

    Values below 1 are fractions of width and height, others pixels. `y` defaults to
    `x`.

    >>> matrices = Shift(0.25).matrices(tf.constant([[1.0, 0.5]]), 8, 8)
    >>> matrices.numpy().tolist()[0]
    [[1.0, 0.0, 2.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    x: float
    y: float | None = None
    draws = 2

    def __post_init__(self) -> None:
        draws.check_at_least(0, x=self.x, y=self.y or 0)

    def matrices(self, u: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """See base class."""
        y = self.x if self.y is None else self.y
        right = _symmetric(u[:, 0], self.x * width if self.x < 1 else self.x)
        down = _symmetric(u[:, 1], y * height if y < 1 else y)
        return affine(1.0, 0.0, right, 0.0, 1.0, down)


@dataclasses.dataclass(frozen=True)
class Shear(Geometric):
    """Shears by up to `degrees` in either direction, as in `ImageDataGenerator`.

    >>> matrices = Shear(30).matrices(tf.constant([[1.0]]), 8, 8)
    >>> print(matrices[0].numpy().round(3))
    [[ 1.    -0.5    0.   ]
     [ 0.     0.866  0.   ]
     [ 0.     0.     1.   ]]
    """

    degrees: float
    draws = 1

    def __post_init__(self) -> None:
        draws.check_at_least(0, degrees=self.degrees)

    def matrices(self, u: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """See base class."""
        sin, cos = _sin_cos(_symmetric(u[:, 0], math.radians(self.degrees)))
        return affine(1.0, -sin, 0.0, 0.0, cos, 0.0)


@dataclasses.dataclass(frozen=True)
class Zoom(Geometric):
    """Scales by a random factor: objects grow below 1 and shrink above 1.

    >>> matrices = Zoom(0.5).matrices(tf.constant([[0.0, 1.0]]), 8, 8)
    >>> matrices.numpy().tolist()[0]
    [[0.5, 0.0, 0.0], [0.0, 1.5, 0.0], [0.0, 0.0, 1.0]]

    Attributes:
        by: Factors are uniform in [1 - `by`, 1 + `by`], or in a given (low, high).
        locked: Whether width and height have the same factor, which keeps circles
            circular.
    """

    by: float | Sequence[float]
    locked: bool = False
    draws = 2

    def __post_init__(self) -> None:
        low, high = draws.factor_range(self.by)
        if not 0 < low <= high:
            raise UsageError(f"by must be from 0 to below 1, not {self.by}")

    def matrices(self, u: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """See base class."""
        scale = draws.random_factors(u, self.by)
        return affine(scale[:, 0], 0.0, 0.0, 0.0, scale[:, 0 if self.locked else 1], 0)


@dataclasses.dataclass(frozen=True)
class Flip(Geometric):
    """Flips horizontally, vertically or both, each with probability 1/2.

    >>> matrices = Flip().matrices(tf.constant([[0.1, 0.1]]), 8, 8)
    >>> matrices.numpy().tolist()[0]
    [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    horizontal: bool = True
    vertical: bool = False
    draws = 2

    def matrices(self, u: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """See base class."""
        sign = tf.where(u < (self.horizontal / 2, self.vertical / 2), -1.0, 1.0)
        return affine(sign[:, 0], 0.0, 0.0, 0.0, sign[:, 1], 0.0)


@dataclasses.dataclass(frozen=True)
class PadCrop(Geometric):
    """Pads by `pixels` on each side and crops at random, as is usual for CIFAR.

    `fill` sets the value of the padding; a constant is usual.

    >>> matrices = PadCrop(4).matrices(tf.constant([[0.0, 0.5]]), 8, 8)
    >>> matrices.numpy().tolist()[0]
    [[1.0, 0.0, -4.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    pixels: int
    draws = 2

    def __post_init__(self) -> None:
        draws.check_at_least(0, pixels=self.pixels)

    def matrices(self, u: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """See base class."""
        offset = tf.floor(u * (2 * self.pixels + 1)) - self.pixels
        return affine(1.0, 0.0, offset[:, 0], 0.0, 1.0, offset[:, 1])


@dataclasses.dataclass(frozen=True)
class ResizedCrop(Geometric):
    """Crops a random rectangle and resizes it, as is usual for ImageNet.

    A rectangle that is wider or higher than the image is cut to the image's size.

    >>> crop = ResizedCrop(scale=(0.25, 0.25), ratio=(1.0, 1.0))
    >>> crop.matrices(tf.constant([[0.5, 0.5, 0.5, 0.5]]), 8, 8).numpy().tolist()[0]
    [[0.5, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 1.0]]

    Attributes:
        scale: The range of the rectangle's fraction of the area; uniform.
        ratio: The range of width / height; uniform in the logarithm.
    """

    scale: Sequence[float] = (0.08, 1.0)
    ratio: Sequence[float] = (3 / 4, 4 / 3)
    draws = 4

    def __post_init__(self) -> None:
        draws.check_ranges(scale=self.scale, ratio=self.ratio)

    def matrices(self, u: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """See base class."""
        x, y = draws.random_rectangle(u[:, 0], u[:, 1], self.scale, self.ratio)
        # Fractions of width and height, for images that are not square.
        x = tf.minimum(x * (height / width) ** 0.5, 1.0)
        y = tf.minimum(y * (width / height) ** 0.5, 1.0)
        right = (u[:, 2] - 0.5) * (width - width * x)
        down = (u[:, 3] - 0.5) * (height - height * y)
        return affine(x, 0.0, right, 0.0, y, down)


@dataclasses.dataclass(frozen=True)
class Fill:
    """Settings of the resampling: values beyond the edge and between pixels.

    >>> Fill("constant", cval=128.0)
    Fill(mode='constant', cval=128.0, interpolation='bilinear')

    Attributes:
        mode: nearest, constant, reflect or wrap, as in SciPy.
        cval: The value of `constant`, in the units of the image.
        interpolation: bilinear or nearest.
    """

    mode: str = "nearest"
    cval: float = 0.0
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        for name, known in (("mode", FILLS), ("interpolation", INTERPOLATIONS)):
            value = getattr(self, name)
            if value not in known:
                raise UsageError(
                    f"{name} must be one of {', '.join(known)}, not {value!r}"
                )


def with_corner_origin(matrices: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Moves the origin of matrices from the centre to the upper left pixel.

    The centre is that of the pixel grid, ((width - 1) / 2, (height - 1) / 2).

    Args:
        matrices: float32 [B, 3, 3].
        height: Image height in pixels.
        width: Image width in pixels.

    Returns:
        float32 [B, 2, 3], as `warp` takes them.
    """
    x, y = (width - 1) / 2, (height - 1) / 2
    rows = []
    for row, centre in zip(tf.unstack(matrices[:, :2], axis=1), (x, y), strict=True):
        a, b, c = tf.unstack(row, axis=1)
        rows.append(tf.stack([a, b, c + centre - a * x - b * y], axis=1))
    return tf.stack(rows, axis=1)


def compose(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Multiplies [B, 3, 3] matrices, in full float32 precision on any device."""
    return tf.reduce_sum(a[:, :, :, None] * b[:, None, :, :], axis=2)


def affine(*entries: tf.Tensor | float) -> tf.Tensor:
    """Returns [B, 3, 3] matrices with six entries row by row; at least one is [B]."""
    batch = next(entry for entry in entries if isinstance(entry, tf.Tensor))
    columns = [entry + tf.zeros_like(batch) for entry in (*entries, 0.0, 0.0, 1.0)]
    return tf.reshape(tf.stack(columns, axis=1), [-1, 3, 3])


def rotation(angle: tf.Tensor) -> tf.Tensor:
    """Returns [B, 3, 3] that rotate images counter-clockwise by [B] radians."""
    sin, cos = _sin_cos(angle)
    return affine(cos, -sin, 0.0, sin, cos, 0.0)


def _sin_cos(angle: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns sine and cosine of angles in radians, to 1e-6, by Taylor series.

    The last bit of TensorFlow's own depends on the position within a vector.
    """
    # The series is accurate from -pi to pi.
    angle -= math.tau * tf.round(angle / math.tau)
    # Of half the angle, for which few terms suffice.
    square = tf.square(angle / 2)
    sin, cos = 0.0, 0.0
    for power in range(12, -1, -2):
        sign = (-1.0) ** (power // 2)
        sin = sin * square + sign / math.factorial(power + 1)
        cos = cos * square + sign / math.factorial(power)
    sin *= angle / 2
    return 2.0 * sin * cos, 1.0 - 2.0 * tf.square(sin)


def _symmetric(u: tf.Tensor, by: float) -> tf.Tensor:
    """Maps random numbers from [0, 1) to [-by, by)."""
    return (2.0 * u - 1.0) * np.float32(by)
