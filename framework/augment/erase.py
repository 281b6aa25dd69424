"""Random rectangles that hide part of an image."""

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
    """Random erasing (Zhong et al., 2020): a rectangle, of some of the images.

    Where it would be wider or higher than the image, that side is the image's; the
    paper draws again.

    Attributes:
        p: Of which share of the images.
        scale: The least and the largest share of the area; uniform.
        ratio: The least and the largest width over height; uniform in its logarithm.
        value: What is put there: a number, or "random" for uniform in 0 to 255.
    """

    p: float = 0.5
    scale: Sequence[float] = (0.02, 0.33)
    ratio: Sequence[float] = (0.3, 3.3)
    value: float | str = 0.0
    draws = 5

    def __post_init__(self):
        if not 0 <= self.p <= 1:
            raise UsageError(f"p must be from 0 to 1, not {self.p}")
        if isinstance(self.value, str) and self.value != "random":
            raise UsageError(f"value must be a number or 'random', not {self.value!r}")
        draws.rising(scale=self.scale, ratio=self.ratio)

    @property
    def of_bytes(self) -> bool:
        """Whether it makes sense for values from 0 to 255 only."""
        return self.value == "random"

    def draws_of(self, shape):
        """See base class."""
        return self.draws + (math.prod(shape) if self.value == "random" else 0)

    def apply(self, images, u):
        """See base class."""
        _, height, width, _ = images.shape
        side = math.sqrt(height * width)
        x, y = draws.rectangle(u[:, 1], u[:, 2], self.scale, self.ratio)
        x = tf.clip_by_value(tf.floor(x * side + 0.5), 1.0, width)
        y = tf.clip_by_value(tf.floor(y * side + 0.5), 1.0, height)
        left = tf.floor(u[:, 3] * (width - x + 1.0))
        top = tf.floor(u[:, 4] * (height - y + 1.0))
        hidden = box(height, width, left, top, left + x, top + y)
        hidden &= pixels.each(u[:, 0] < self.p)
        if self.value == "random":
            value = tf.floor(256.0 * tf.reshape(u[:, self.draws :], tf.shape(images)))
        else:
            value = float(self.value)
        return tf.where(hidden, value, images)


@dataclasses.dataclass(frozen=True)
class Cutout(Photometric):
    """Cutout (DeVries & Taylor, 2017): a square about any pixel, cut off at the edge.

    Attributes:
        size: Of its side: a share of the shorter side below 1, pixels from 1 on.
        value: What is put there.
    """

    size: float
    value: float = 0.0
    draws = 2

    def __post_init__(self):
        draws.at_least(0, size=self.size)

    def apply(self, images, u):
        """See base class."""
        _, height, width, _ = images.shape
        side = self.size * min(height, width) if self.size < 1 else self.size
        side = float(round(side))
        left = tf.floor(u[:, 0] * width) - side // 2
        top = tf.floor(u[:, 1] * height) - side // 2
        hidden = box(height, width, left, top, left + side, top + side)
        return tf.where(hidden, float(self.value), images)


def box(
    height: int,
    width: int,
    left: tf.Tensor,
    top: tf.Tensor,
    right: tf.Tensor,
    bottom: tf.Tensor,
) -> tf.Tensor:
    """Returns bool [B, height, width, 1], whether pixels are within [B] rectangles.

    They reach from `left` and `top` to just before `right` and `bottom`.
    """
    row = tf.range(height, dtype=tf.float32)[None, :, None, None]
    column = tf.range(width, dtype=tf.float32)[None, None, :, None]
    across = (column >= pixels.each(left)) & (column < pixels.each(right))
    return across & (row >= pixels.each(top)) & (row < pixels.each(bottom))
