"""Mixing of two images and of their labels.

Rows 2i and 2i+1 of the global batch are partners. They are always on one device, so
the images do not depend on how many there are; and as the order of examples is drawn
anew for each epoch, each image meets any other. Each has its own draw.
"""

from __future__ import annotations

import abc
import dataclasses

import numpy as np
import tensorflow as tf

from framework.augment import pixels
from framework.augment.erase import box
from framework.errors import UsageError
from framework.numerics import draws


class Mix(abc.ABC):
    """Puts part of its partner into each image.

    Attributes:
        draws: How many random numbers an image takes.
    """

    draws: int

    @abc.abstractmethod
    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns mixed images, and float32 [B], how much of each is its own.

        Args:
            images: float32 [B, height, width, C]; B is even.
            u: float32 [B, draws], uniform in [0, 1).
        """


def partners(rows: tf.Tensor) -> tf.Tensor:
    """Returns [B, ...] with each row in its partner's place; B is even."""
    pairs = tf.reshape(rows, [-1, 2, *rows.shape[1:]])
    return tf.reshape(tf.reverse(pairs, [1]), tf.shape(rows))


@dataclasses.dataclass(frozen=True)
class Mixup(Mix):
    """Mixup (Zhang et al., 2018): a weighted mean, the weight from Beta(alpha, alpha).

    Attributes:
        alpha: Above 0; 1 is uniform, less is mostly near 0 and 1.
        p: Of which share of the images.
    """

    alpha: float = 0.2
    p: float = 1.0
    draws = 2

    def __post_init__(self):
        _check(self.alpha, self.p)

    def apply(self, images, u):
        """See base class."""
        drawn = draws.by_quantiles(u[:, 0], _beta(self.alpha))
        own = tf.where(u[:, 1] < self.p, drawn, 1.0)
        return pixels.blend(partners(images), images, own), own


@dataclasses.dataclass(frozen=True)
class Cutmix(Mix):
    """CutMix (Yun et al., 2019): a rectangle of the partner, of a Beta-drawn area.

    Attributes:
        alpha: Of Beta(alpha, alpha), from which the share left of the image is drawn.
        p: Of which share of the images.
    """

    alpha: float = 1.0
    p: float = 1.0
    draws = 4

    def __post_init__(self):
        _check(self.alpha, self.p)

    def apply(self, images, u):
        """See base class."""
        _, height, width, _ = images.shape
        side = draws.by_quantiles(u[:, 0], np.sqrt(1.0 - _beta(self.alpha)))
        side = tf.where(u[:, 1] < self.p, side, 0.0)
        left, right = _interval(u[:, 2], side, width)
        top, bottom = _interval(u[:, 3], side, height)
        inside = box(height, width, left, top, right, bottom)
        # What is left after the rectangle has been cut off at the edge, in pixels.
        own = 1.0 - (right - left) * (bottom - top) / (height * width)
        return tf.where(inside, partners(images), images), own


@dataclasses.dataclass(frozen=True)
class MixupCutmix(Mix):
    """Either of the two, drawn for each image, as timm's `Mixup` does per element.

    Attributes:
        mixup_alpha: Of mixup.
        cutmix_alpha: Of CutMix.
        switch: Which share of the images gets CutMix.
        p: Which share gets either.
    """

    mixup_alpha: float = 0.8
    cutmix_alpha: float = 1.0
    switch: float = 0.5
    p: float = 1.0
    draws = 1 + Mixup.draws + Cutmix.draws

    def __post_init__(self):
        _check(self.mixup_alpha, self.p)
        _check(self.cutmix_alpha, self.switch)

    def apply(self, images, u):
        """See base class."""
        mixup, cutmix = (
            Mixup(self.mixup_alpha, self.p),
            Cutmix(self.cutmix_alpha, self.p),
        )
        mixed, mixed_own = mixup.apply(images, u[:, 1:3])
        cut, cut_own = cutmix.apply(images, u[:, 3:])
        cuts = u[:, 0] < self.switch
        return (
            tf.where(pixels.each(cuts), cut, mixed),
            tf.where(cuts, cut_own, mixed_own),
        )


def _check(alpha: float, share: float) -> None:
    if not alpha > 0:
        raise UsageError(f"alpha must be above 0, not {alpha}")
    if not 0 <= share <= 1:
        raise UsageError(f"a share of the images must be from 0 to 1, not {share}")


def _beta(alpha: float) -> np.ndarray:
    """Returns the quantiles of Beta(alpha, alpha)."""
    # Takes a moment to import, and only mixing needs it.
    from scipy import special

    return special.betaincinv(alpha, alpha, np.linspace(0, 1, 1025))


def _interval(u: tf.Tensor, share: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns where an interval about a random pixel begins and ends, cut off."""
    half = tf.floor(share * size / 2)
    centre = tf.floor(u * size)
    return tf.maximum(centre - half, 0.0), tf.minimum(centre + half, float(size))
