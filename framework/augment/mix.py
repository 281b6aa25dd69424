"""Mixing of image pairs and of their labels.

Rows 2i and 2i+1 of the global batch are partners. Both are always on the same device,
so that results do not depend on the number of devices. The order of examples is
shuffled in each epoch, so that any two images can become partners. Each image of a pair
has its own random numbers.
"""

from __future__ import annotations

import abc
import dataclasses

import numpy as np
import tensorflow as tf

from framework.augment import pixels
from framework.augment.base import Augmentation
from framework.augment.erase import rectangle_mask
from framework.errors import UsageError
from framework.numerics import draws


class Mix(Augmentation, abc.ABC):
    """Mixes each image with its partner."""

    @abc.abstractmethod
    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns mixed images, and the weights of their own labels, float32 [B].

        Args:
            images: float32 [B, height, width, C]; B is even.
            u: float32 [B, draws], uniform in [0, 1).
        """


def partners(rows: tf.Tensor) -> tf.Tensor:
    """Swaps the rows of each pair in [B, ...]; B is even.

    >>> partners(tf.constant([1, 2, 3, 4])).numpy().tolist()
    [2, 1, 4, 3]
    """
    pairs = tf.reshape(rows, [-1, 2, *rows.shape[1:]])
    return tf.reshape(tf.reverse(pairs, [1]), tf.shape(rows))


@dataclasses.dataclass(frozen=True)
class Mixup(Mix):
    """Mixup (Zhang et al., 2018): a weighted mean, with weights from a Beta.

    >>> images = tf.constant([0.0, 100.0], shape=[2, 1, 1, 1])
    >>> mixed, own = Mixup(alpha=1.0).apply(images, tf.constant([[0.25, 0], [0.5, 0]]))
    >>> mixed.numpy().ravel().tolist(), own.numpy().tolist()
    ([75.0, 50.0], [0.25, 0.5])

    Attributes:
        alpha: The parameter of Beta(alpha, alpha), above 0; 1 is uniform, smaller
            values give weights near 0 and 1.
        p: The probability that an image is mixed.
    """

    alpha: float = 0.2
    p: float = 1.0
    draws = 2

    def __post_init__(self) -> None:
        _check(self.alpha, self.p)

    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See base class."""
        weight = draws.from_quantiles(u[:, 0], _beta_quantiles(self.alpha))
        own = tf.where(u[:, 1] < self.p, weight, 1.0)
        return pixels.blend(partners(images), images, own), own


@dataclasses.dataclass(frozen=True)
class Cutmix(Mix):
    """CutMix (Yun et al., 2019): pastes a rectangle of the partner.

    >>> images = tf.concat([tf.zeros([1, 8, 8, 1]), tf.ones([1, 8, 8, 1])], axis=0)
    >>> u = tf.fill([2, 4], 0.5)
    >>> mixed, own = Cutmix().apply(images, u)
    >>> float(tf.reduce_mean(mixed[0])), own.numpy().tolist()
    (0.25, [0.75, 0.75])

    Attributes:
        alpha: The parameter of Beta(alpha, alpha), the distribution of the image's own
            fraction of the area.
        p: The probability that an image is mixed.
    """

    alpha: float = 1.0
    p: float = 1.0
    draws = 4

    def __post_init__(self) -> None:
        _check(self.alpha, self.p)

    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See base class."""
        _, height, width, _ = images.shape
        side = draws.from_quantiles(u[:, 0], np.sqrt(1.0 - _beta_quantiles(self.alpha)))
        side = tf.where(u[:, 1] < self.p, side, 0.0)
        left, right = _interval(u[:, 2], side, width)
        top, bottom = _interval(u[:, 3], side, height)
        is_inside = rectangle_mask(height, width, left, top, right, bottom)
        # Of the rectangle after it was cut off at the edge.
        own = 1.0 - (right - left) * (bottom - top) / (height * width)
        return tf.where(is_inside, partners(images), images), own


@dataclasses.dataclass(frozen=True)
class MixupCutmix(Mix):
    """Mixup or CutMix at random for each image, as timm's `Mixup` per element.

    >>> images = tf.constant([0.0, 100.0], shape=[2, 1, 1, 1])
    >>> member = MixupCutmix(mixup_alpha=1.0, switch=0.0)
    >>> mixed, own = member.apply(images, tf.fill([2, member.draws], 0.25))
    >>> mixed.numpy().ravel().tolist(), own.numpy().tolist()
    ([75.0, 25.0], [0.25, 0.25])

    Attributes:
        mixup_alpha: `alpha` of Mixup.
        cutmix_alpha: `alpha` of CutMix.
        switch: The probability of CutMix instead of Mixup.
        p: The probability that an image is mixed.
    """

    mixup_alpha: float = 0.8
    cutmix_alpha: float = 1.0
    switch: float = 0.5
    p: float = 1.0
    draws = 1 + Mixup.draws + Cutmix.draws

    def __post_init__(self) -> None:
        _check(self.mixup_alpha, self.p)
        _check(self.cutmix_alpha, self.switch)

    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See base class."""
        mixup, cutmix = (
            Mixup(self.mixup_alpha, self.p),
            Cutmix(self.cutmix_alpha, self.p),
        )
        mixed, mixed_own = mixup.apply(images, u[:, 1:3])
        cut, cut_own = cutmix.apply(images, u[:, 3:])
        is_cutmix = u[:, 0] < self.switch
        return (
            tf.where(pixels.per_image(is_cutmix), cut, mixed),
            tf.where(is_cutmix, cut_own, mixed_own),
        )


def _check(alpha: float, probability: float) -> None:
    if not alpha > 0:
        raise UsageError(f"alpha must be above 0, not {alpha}")
    if not 0 <= probability <= 1:
        raise UsageError(f"a probability must be from 0 to 1, not {probability}")


def _beta_quantiles(alpha: float) -> np.ndarray:
    """Returns the quantiles of Beta(alpha, alpha) at 0, 1/1024, ..., 1."""
    # SciPy is slow to import, and only mixing needs it.
    from scipy import special

    quantiles: np.ndarray = special.betaincinv(alpha, alpha, np.linspace(0, 1, 1025))
    return quantiles


def _interval(
    u: tf.Tensor, fraction: tf.Tensor, size: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the ends of an interval around a random pixel, cut off at the edge."""
    half = tf.floor(fraction * size / 2)
    centre = tf.floor(u * size)
    return tf.maximum(centre - half, 0.0), tf.minimum(centre + half, float(size))
