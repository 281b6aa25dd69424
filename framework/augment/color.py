"""Random changes of colour and brightness."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from framework.augment import pixels
from framework.augment.base import Augmentation
from framework.errors import UsageError
from framework.numerics import draws


class Photometric(Augmentation, abc.ABC):
    """A change of pixel values.

    Attributes:
        draws: Random numbers for each image.
        needs_bytes: Whether it requires values from 0 to 255.
    """

    needs_bytes: bool = False

    @abc.abstractmethod
    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Returns the transformed images.

        Args:
            images: float32 [B, height, width, C], in the units of the data.
            u: float32 [B, draws], uniform in [0, 1).
        """


@dataclasses.dataclass(frozen=True)
class RandomFactor(Photometric):
    """A change by a random factor; a factor of 1 is the identity.

    Attributes:
        by: Factors are uniform in [1 - `by`, 1 + `by`], or in a given (low, high).
    """

    by: float | Sequence[float]

    def __post_init__(self) -> None:
        low, high = draws.factor_range(self.by)
        if not 0 <= low <= high:
            raise UsageError(f"by must give factors of at least 0, not {self.by}")

    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """See base class."""
        return self.apply_factor(images, draws.random_factors(u[:, 0], self.by))

    @abc.abstractmethod
    def apply_factor(self, images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
        """Returns images changed by factors, float32 [B]."""


class Brightness(RandomFactor):
    """Multiplies an image by a random factor.

    >>> images = tf.fill([1, 2, 2, 3], 100.0)
    >>> float(Brightness(0.2).apply(images, tf.constant([[0.75]]))[0, 0, 0, 0])
    110.0
    """

    apply_factor = staticmethod(pixels.brightness)


class Contrast(RandomFactor):
    """Scales the difference from the image's mean brightness by a random factor.

    >>> images = tf.constant([100.0, 200.0], shape=[1, 1, 2, 1])
    >>> Contrast(0.5).apply(images, tf.constant([[0.0]])).numpy().ravel().tolist()
    [125.0, 175.0]
    """

    apply_factor = staticmethod(pixels.contrast)


class Saturation(RandomFactor):
    """Scales the difference from the grey image by a random factor.

    >>> red = tf.constant([200.0, 0.0, 0.0], shape=[1, 1, 1, 3])
    >>> grey = Saturation((0.0, 1.0)).apply(red, tf.constant([[0.0]]))
    >>> grey.numpy().round().tolist()
    [[[[60.0, 60.0, 60.0]]]]
    """

    apply_factor = staticmethod(pixels.saturation)


class Sharpness(RandomFactor):
    """Scales the difference from the smoothed image by a random factor.

    >>> dot = tf.constant([0.0, 0, 0, 0, 13, 0, 0, 0, 0], shape=[1, 3, 3, 1])
    >>> smooth = Sharpness((0.0, 1.0)).apply(dot, tf.constant([[0.0]]))
    >>> float(smooth[0, 1, 1, 0])
    5.0
    """

    apply_factor = staticmethod(pixels.sharpness)


class Gamma(RandomFactor):
    """Raises values, as fractions of 255, to a random power; above 1 is darker.

    >>> images = tf.fill([1, 1, 1, 1], 127.5)
    >>> float(Gamma((1.0, 2.0)).apply(images, tf.constant([[1.0]]))[0, 0, 0, 0])
    63.75
    """

    needs_bytes = True

    def apply_factor(self, images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
        """See base class."""
        fraction = tf.clip_by_value(images / 255.0, 0.0, 1.0)
        return 255.0 * tf.pow(fraction, pixels.per_image(factor))


@dataclasses.dataclass(frozen=True)
class Hue(Photometric):
    """Rotates hues by up to `by` of the colour circle in either direction.

    >>> red = tf.constant([255.0, 0.0, 0.0], shape=[1, 1, 1, 3])
    >>> Hue(1 / 3).apply(red, tf.constant([[1.0]])).numpy().round().tolist()
    [[[[0.0, 255.0, 0.0]]]]

    Attributes:
        by: From 0 to 0.5.
    """

    by: float
    needs_bytes = True

    def __post_init__(self) -> None:
        if not 0 <= self.by <= 0.5:
            raise UsageError(f"by must be from 0 to 0.5, not {self.by}")

    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """See base class."""
        if images.shape[3] != 3:
            return images
        hue, saturation, value = tf.split(
            tf.image.rgb_to_hsv(tf.clip_by_value(images / 255.0, 0.0, 1.0)), 3, axis=3
        )
        hue += pixels.per_image((2.0 * u[:, 0] - 1.0) * self.by)
        rotated = tf.concat([hue - tf.floor(hue), saturation, value], axis=3)
        return 255.0 * tf.image.hsv_to_rgb(rotated)


@dataclasses.dataclass(frozen=True)
class ChannelShift(Photometric):
    """Adds a number in [-`by`, `by`] to all pixels, clipped to the image's range.

    As in `ImageDataGenerator`, all channels of an image are shifted equally.

    >>> images = tf.constant([100.0, 150.0, 200.0], shape=[1, 1, 3, 1])
    >>> ChannelShift(20.0).apply(images, tf.constant([[1.0]])).numpy().ravel().tolist()
    [120.0, 170.0, 200.0]
    """

    by: float

    def __post_init__(self) -> None:
        draws.check_at_least(0, by=self.by)

    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """See base class."""
        low = tf.reduce_min(images, axis=(1, 2, 3), keepdims=True)
        high = tf.reduce_max(images, axis=(1, 2, 3), keepdims=True)
        shifted = images + pixels.per_image((2.0 * u[:, 0] - 1.0) * self.by)
        return tf.clip_by_value(shifted, low, high)


@dataclasses.dataclass(frozen=True)
class RandomApply(Photometric):
    """A transformation that is applied with probability `p`."""

    p: float = dataclasses.field(default=0.5, kw_only=True)
    needs_bytes = True

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise UsageError(f"p must be from 0 to 1, not {self.p}")

    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """See base class."""
        return tf.where(
            pixels.per_image(u[:, 0] < self.p), self.transform(images), images
        )

    @abc.abstractmethod
    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """Returns all images transformed."""


class Grayscale(RandomApply):
    """Converts to grey.

    >>> red = tf.constant([200.0, 0.0, 0.0], shape=[1, 1, 1, 3])
    >>> Grayscale(p=1.0).apply(red, tf.constant([[0.0]])).numpy().round().tolist()
    [[[[60.0, 60.0, 60.0]]]]
    """

    needs_bytes = False

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """See base class."""
        return tf.broadcast_to(pixels.luma(images), tf.shape(images))


class Invert(RandomApply):
    """Inverts values.

    >>> Invert(p=1.0).apply(tf.fill([1, 1, 1, 1], 55.0), tf.zeros([1, 1])).numpy()
    array([[[[200.]]]], dtype=float32)
    """

    transform = staticmethod(pixels.invert)


class Autocontrast(RandomApply):
    """Stretches each channel to the range 0 to 255.

    >>> images = tf.constant([50.0, 100.0, 150.0], shape=[1, 1, 3, 1])
    >>> Autocontrast(p=1.0).apply(images, tf.zeros([1, 1])).numpy().ravel().tolist()
    [0.0, 127.5, 255.0]
    """

    transform = staticmethod(pixels.autocontrast)


class Equalize(RandomApply):
    """Equalizes the histogram of each channel.

    >>> images = tf.random.stateless_uniform([1, 32, 32, 1], (0, 0), 100, 110)
    >>> equalized = Equalize(p=1.0).apply(images, tf.zeros([1, 1]))
    >>> float(tf.reduce_min(equalized)), float(tf.reduce_max(equalized))
    (0.0, 255.0)
    """

    transform = staticmethod(pixels.equalize)


@dataclasses.dataclass(frozen=True)
class Posterize(RandomApply):
    """Keeps the `bits` most significant bits of each value.

    >>> images = tf.constant([100.0, 200.0], shape=[1, 1, 2, 1])
    >>> posterized = Posterize(bits=1, p=1.0).apply(images, tf.zeros([1, 1]))
    >>> posterized.numpy().ravel().tolist()
    [0.0, 128.0]
    """

    bits: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.bits <= 8:
            raise UsageError(f"bits must be from 0 to 8, not {self.bits}")

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """See base class."""
        return pixels.posterize(images, tf.fill(tf.shape(images)[:1], self.bits))


@dataclasses.dataclass(frozen=True)
class Solarize(RandomApply):
    """Inverts values at or above `threshold`.

    >>> images = tf.constant([100.0, 200.0], shape=[1, 1, 2, 1])
    >>> Solarize(p=1.0).apply(images, tf.zeros([1, 1])).numpy().ravel().tolist()
    [100.0, 55.0]
    """

    threshold: float = 128.0

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """See base class."""
        threshold = tf.fill(tf.shape(images)[:1], float(self.threshold))
        return pixels.solarize(images, threshold)
