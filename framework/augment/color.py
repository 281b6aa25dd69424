"""Random changes of colour and light, each image by its own draws."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from framework.augment import pixels
from framework.errors import UsageError
from framework.numerics import draws


class Photometric(abc.ABC):
    """A change of pixel values.

    Attributes:
        draws: How many random numbers an image takes.
        of_bytes: Whether it makes sense for values from 0 to 255 only.
    """

    draws: int = 1
    of_bytes: bool = False

    def draws_of(self, shape: tuple[int, int, int]) -> int:
        """Returns how many an image of (height, width, C) takes: `draws`."""
        del shape
        return self.draws

    @abc.abstractmethod
    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Returns changed images.

        Args:
            images: float32 [B, height, width, C], in the data's own units.
            u: float32 [B, draws], uniform in [0, 1).
        """


@dataclasses.dataclass(frozen=True)
class Scaled(Photometric):
    """A change whose strength is a factor, of which 1 changes nothing.

    Attributes:
        by: Factors are from 1 - `by` to 1 + `by`; or from the first to the second.
    """

    by: float | Sequence[float]

    def __post_init__(self):
        low, high = draws.limits(self.by)
        if not 0 <= low <= high:
            raise UsageError(f"by must give factors of at least 0, not {self.by}")

    def apply(self, images, u):
        """See base class."""
        return self.scaled(images, draws.between(u[:, 0], self.by))

    @abc.abstractmethod
    def scaled(self, images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
        """Returns images changed by float32 [B] factors."""


class Brightness(Scaled):
    """Multiplies an image by a factor."""

    scaled = staticmethod(pixels.brightness)


class Contrast(Scaled):
    """Moves pixels away from their image's mean, or towards it."""

    scaled = staticmethod(pixels.contrast)


class Saturation(Scaled):
    """Moves colours away from grey, or towards it."""

    scaled = staticmethod(pixels.saturation)


class Sharpness(Scaled):
    """Moves pixels away from their neighbours, or towards them."""

    scaled = staticmethod(pixels.sharpness)


class Gamma(Scaled):
    """Raises values, as shares of 255, to a power: above 1 is darker."""

    of_bytes = True

    def scaled(self, images, factor):
        """See base class."""
        share = tf.clip_by_value(images / 255.0, 0.0, 1.0)
        return 255.0 * tf.pow(share, pixels.each(factor))


@dataclasses.dataclass(frozen=True)
class Hue(Photometric):
    """Turns colours by up to `by` of the colour circle either way, at most 0.5."""

    by: float
    of_bytes = True

    def __post_init__(self):
        if not 0 <= self.by <= 0.5:
            raise UsageError(f"by must be from 0 to 0.5, not {self.by}")

    def apply(self, images, u):
        """See base class."""
        if images.shape[3] != 3:
            return images
        hue, saturation, value = tf.split(
            tf.image.rgb_to_hsv(tf.clip_by_value(images / 255.0, 0.0, 1.0)), 3, axis=3
        )
        turned = hue + pixels.each((2.0 * u[:, 0] - 1.0) * self.by)
        turned = tf.concat([turned - tf.floor(turned), saturation, value], axis=3)
        return 255.0 * tf.image.hsv_to_rgb(turned)


@dataclasses.dataclass(frozen=True)
class ChannelShift(Photometric):
    """Adds from -`by` to `by` to all pixels, within the image's own range.

    As `ImageDataGenerator`, whose channels of an image are all shifted alike.
    """

    by: float

    def __post_init__(self):
        draws.at_least(0, by=self.by)

    def apply(self, images, u):
        """See base class."""
        low = tf.reduce_min(images, axis=(1, 2, 3), keepdims=True)
        high = tf.reduce_max(images, axis=(1, 2, 3), keepdims=True)
        shifted = images + pixels.each((2.0 * u[:, 0] - 1.0) * self.by)
        return tf.clip_by_value(shifted, low, high)


@dataclasses.dataclass(frozen=True)
class Sometimes(Photometric):
    """A change that is made to a share `p` of the images, and not to the others."""

    p: float = dataclasses.field(default=0.5, kw_only=True)
    of_bytes = True

    def __post_init__(self):
        if not 0 <= self.p <= 1:
            raise UsageError(f"p must be from 0 to 1, not {self.p}")

    def apply(self, images, u):
        """See base class."""
        return tf.where(pixels.each(u[:, 0] < self.p), self.changed(images), images)

    @abc.abstractmethod
    def changed(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the images with the change made to all."""


class Grayscale(Sometimes):
    """Takes the colour away."""

    of_bytes = False

    def changed(self, images):
        """See base class."""
        return tf.broadcast_to(pixels.luma(images), tf.shape(images))


class Invert(Sometimes):
    """Makes the negative."""

    changed = staticmethod(pixels.invert)


class Autocontrast(Sometimes):
    """Stretches each channel to all of 0 to 255."""

    changed = staticmethod(pixels.autocontrast)


class Equalize(Sometimes):
    """Makes all levels of each channel about equally frequent."""

    changed = staticmethod(pixels.equalize)


@dataclasses.dataclass(frozen=True)
class Posterize(Sometimes):
    """Keeps `bits` bits of each value."""

    bits: int = 4

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.bits <= 8:
            raise UsageError(f"bits must be from 0 to 8, not {self.bits}")

    def changed(self, images):
        """See base class."""
        return pixels.posterize(images, tf.fill(tf.shape(images)[:1], self.bits))


@dataclasses.dataclass(frozen=True)
class Solarize(Sometimes):
    """Inverts the values from `threshold` on."""

    threshold: float = 128.0

    def changed(self, images):
        """See base class."""
        threshold = tf.fill(tf.shape(images)[:1], float(self.threshold))
        return pixels.solarize(images, threshold)
