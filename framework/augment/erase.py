"""Random rectangles that mask a part of an image."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import tensorflow as tf

from framework.augment import pixels
from framework.augment.color import Photometric
from framework.errors import UsageError
from framework.numerics import draws


@dataclasses.dataclass(frozen=True)
class Erase(Photometric):
    """Random erasing (Zhong et al., 2020): masks a rectangle with probability `p`.

    A rectangle that is wider or higher than the image is cut to the image's size; the
    paper draws again.

    >>> member = Erase(p=1.0, scale=(0.25, 0.25), ratio=(1.0, 1.0))
    >>> images = tf.ones([1, 8, 8, 1])
    >>> erased = member.apply(images, tf.fill([1, member.num_draws((8, 8, 1))], 0.5))
    >>> float(tf.reduce_sum(images - erased))
    16.0

    Attributes:
        p: The probability.
        scale: The range of the rectangle's fraction of the area; uniform.
        ratio: The range of width / height; uniform in the logarithm.
        value: The value of masked pixels, or "random" for uniform noise in 0 to 255.
    """

    p: float = 0.5
    scale: Sequence[float] = (0.02, 0.33)
    ratio: Sequence[float] = (0.3, 3.3)
    value: float | str = 0.0
    draws = 5

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise UsageError(f"p must be from 0 to 1, not {self.p}")
        if isinstance(self.value, str) and self.value != "random":
            raise UsageError(f"value must be a number or 'random', not {self.value!r}")
        draws.check_ranges(scale=self.scale, ratio=self.ratio)

    @property
    def needs_bytes(self) -> bool:  # type: ignore[override]  # Nobody assigns it.
        """Whether it requires values from 0 to 255."""
        return self.value == "random"

    def num_draws(self, shape: tuple[int, int, int]) -> int:
        """See base class."""
        return self.draws + (math.prod(shape) if self.value == "random" else 0)

    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """See base class."""
        _, height, width, _ = images.shape
        side = math.sqrt(height * width)
        x, y = draws.random_rectangle(u[:, 1], u[:, 2], self.scale, self.ratio)
        x = tf.clip_by_value(tf.floor(x * side + 0.5), 1.0, width)
        y = tf.clip_by_value(tf.floor(y * side + 0.5), 1.0, height)
        left = tf.floor(u[:, 3] * (width - x + 1.0))
        top = tf.floor(u[:, 4] * (height - y + 1.0))
        is_masked = rectangle_mask(height, width, left, top, left + x, top + y)
        is_masked &= pixels.per_image(u[:, 0] < self.p)
        if self.value == "random":
            value = tf.floor(256.0 * tf.reshape(u[:, self.draws :], tf.shape(images)))
        else:
            value = float(self.value)
        return tf.where(is_masked, value, images)


@dataclasses.dataclass(frozen=True)
class Cutout(Photometric):
    """Cutout (DeVries & Taylor, 2017): masks a square, which may overlap the edge.

    >>> images = tf.ones([1, 8, 8, 1])
    >>> cut = Cutout(4).apply(images, tf.constant([[0.5, 0.5]]))
    >>> float(tf.reduce_sum(images - cut))
    16.0

    Attributes:
        size: The side of the square: below 1 a fraction of the image's shorter side,
            otherwise pixels.
        value: The value of masked pixels.
    """

    size: float
    value: float = 0.0
    draws = 2

    def __post_init__(self) -> None:
        draws.check_at_least(0, size=self.size)

    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """See base class."""
        _, height, width, _ = images.shape
        side = self.size * min(height, width) if self.size < 1 else self.size
        side = float(round(side))
        left = tf.floor(u[:, 0] * width) - side // 2
        top = tf.floor(u[:, 1] * height) - side // 2
        is_masked = rectangle_mask(height, width, left, top, left + side, top + side)
        return tf.where(is_masked, float(self.value), images)


def rectangle_mask(
    height: int,
    width: int,
    left: tf.Tensor,
    top: tf.Tensor,
    right: tf.Tensor,
    bottom: tf.Tensor,
) -> tf.Tensor:
    """Returns bool [B, height, width, 1], whether pixels are inside [B] rectangles.

    `left` and `top` are included, `right` and `bottom` excluded.
    """
    row = tf.range(height, dtype=tf.float32)[None, :, None, None]
    column = tf.range(width, dtype=tf.float32)[None, None, :, None]
    across = (column >= pixels.per_image(left)) & (column < pixels.per_image(right))
    return across & (row >= pixels.per_image(top)) & (row < pixels.per_image(bottom))
