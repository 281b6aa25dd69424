"""Policies that choose operations at random for each image: RandAugment and kin.

An operation is chosen by its number, with a magnitude, image by image. Those of
geometry become part of the image's one matrix; of the others all are computed, and the
chosen one is kept, so that shapes are static. Geometry thus comes first, whatever the
order in which the operations were chosen.
"""

from __future__ import annotations

import abc
import dataclasses

import numpy as np
import tensorflow as tf

from framework.augment import geometry, pixels
from framework.augment.autoaugment import POLICIES
from framework.augment.color import Photometric
from framework.augment.geometry import Geometric
from framework.errors import UsageError

# Their numbers are their places here. A magnitude is a tangent for shears, pixels for
# translations, degrees for rotations, a factor less 1 for the next four, bits for
# posterize, a level for solarize; the last four have none.
OPERATIONS = (
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "rotate",
    "brightness",
    "saturation",
    "contrast",
    "sharpness",
    "posterize",
    "solarize",
    "autocontrast",
    "equalize",
    "identity",
    "invert",
)
_SIGNED = np.array([name in OPERATIONS[:9] for name in OPERATIONS])

# One operation of each image: its number, int32 [B], and its magnitude, float32 [B].
Chosen = tuple["tf.Tensor", "tf.Tensor"]


class Choice(Geometric, Photometric):
    """Does to each image what was chosen for it."""

    of_bytes = True

    @abc.abstractmethod
    def choose(self, u: tf.Tensor, height: int, width: int) -> list[Chosen]:
        """Returns the operations of each image, one after the other.

        Args:
            u: float32 [B, draws], uniform in [0, 1).
            height: Of the images, in pixels.
            width: Of the images, in pixels.
        """

    def matrices(self, u, height, width):
        """See base class."""
        first, *others = [
            matrix(chosen, height, width) for chosen in self.choose(u, height, width)
        ]
        for other in others:
            # What is done later comes first on the way back to the old image.
            first = geometry.product(first, other)
        return first

    def apply(self, images, u):
        """See base class."""
        return change_all(images, self.choose(u, *images.shape[1:3]))


@dataclasses.dataclass(frozen=True)
class RandAugment(Choice):
    """RandAugment (Cubuk et al., 2020), with torchvision's operations and ranges.

    Attributes:
        num_ops: How many operations an image gets.
        magnitude: Of all of them, from 0 to 30.
    """

    num_ops: int = 2
    magnitude: int = 9

    def __post_init__(self):
        if self.num_ops < 1:
            raise UsageError(f"num_ops must be at least 1, not {self.num_ops}")
        if not 0 <= self.magnitude <= 30:
            raise UsageError(f"magnitude must be from 0 to 30, not {self.magnitude}")

    @property
    def draws(self) -> int:
        """How many random numbers an image takes."""
        return 2 * self.num_ops

    def choose(self, u, height, width):
        """See base class."""
        table = tf.constant(magnitudes(height, width)[:, self.magnitude])
        # All but invert.
        numbers = tf.cast(u[:, : self.num_ops] * (len(OPERATIONS) - 1), tf.int32)
        values = signed(numbers, tf.gather(table, numbers), u[:, self.num_ops :])
        return pairs(numbers, values)


@dataclasses.dataclass(frozen=True)
class TrivialAugment(Choice):
    """TrivialAugment (Müller & Hutter, 2021), the wide one: one operation each."""

    draws = 3

    def choose(self, u, height, width):
        """See base class."""
        table = tf.constant(_wide())
        numbers = tf.cast(u[:, :1] * (len(OPERATIONS) - 1), tf.int32)
        level = tf.cast(u[:, 1:2] * table.shape[1], tf.int32)
        values = tf.gather_nd(table, tf.stack([numbers, level], axis=2))
        return pairs(numbers, signed(numbers, values, u[:, 2:]))


@dataclasses.dataclass(frozen=True)
class AutoAugment(Choice):
    """AutoAugment (Cubuk et al., 2019): the policies found for three data sets.

    Attributes:
        policy: imagenet, cifar10 or svhn.
    """

    policy: str = "imagenet"
    draws = 5

    def __post_init__(self):
        if self.policy not in POLICIES:
            raise UsageError(
                f"policy must be one of {', '.join(POLICIES)}, not {self.policy!r}"
            )

    def choose(self, u, height, width):
        """See base class."""
        table = magnitudes(height, width, levels=10)
        found = POLICIES[self.policy]
        numbers = [[OPERATIONS.index(name) for name, _, _ in pair] for pair in found]
        shares = [[share for _, share, _ in pair] for pair in found]
        values = [
            [table[OPERATIONS.index(name), level] for name, _, level in pair]
            for pair in found
        ]
        row = tf.cast(u[:, 0] * len(found), tf.int32)
        done = u[:, 1:3] < tf.gather(tf.constant(shares, tf.float32), row)
        numbers = tf.gather(tf.constant(numbers), row)
        values = tf.gather(tf.constant(values, tf.float32), row)
        values = signed(numbers, values, u[:, 3:])
        numbers = tf.where(done, numbers, OPERATIONS.index("identity"))
        return pairs(numbers, values)


def magnitudes(height: int, width: int, levels: int = 31) -> np.ndarray:
    """Returns float32 [operations, levels], the magnitudes of AutoAugment's space.

    As torchvision's `_augmentation_space`.
    """
    rise = np.linspace(0, 1, levels)
    table = np.zeros((len(OPERATIONS), levels), np.float32)
    table[:2] = 0.3 * rise
    table[2] = np.trunc(150 / 331 * width * rise)
    table[3] = np.trunc(150 / 331 * height * rise)
    table[4] = 30 * rise
    table[5:9] = 0.9 * rise
    table[9] = 8 - np.round(np.arange(levels) / ((levels - 1) / 4))
    table[10] = 255 * (1 - rise)
    return table


def _wide() -> np.ndarray:
    """Returns the magnitudes of TrivialAugment, as torchvision's."""
    levels = 31
    rise = np.linspace(0, 1, levels)
    table = np.zeros((len(OPERATIONS), levels), np.float32)
    table[:2] = 0.99 * rise
    table[2:4] = np.trunc(32 * rise)
    table[4] = 135 * rise
    table[5:9] = 0.99 * rise
    table[9] = 8 - np.round(np.arange(levels) / ((levels - 1) / 6))
    table[10] = 255 * (1 - rise)
    return table


def signed(numbers: tf.Tensor, values: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Returns magnitudes, negated by a coin where the operation has a direction."""
    negative = tf.gather(tf.constant(_SIGNED), numbers) & (u < 0.5)
    return tf.where(negative, -values, values)


def pairs(numbers: tf.Tensor, values: tf.Tensor) -> list[Chosen]:
    """Returns the columns of [B, n] tensors as n pairs of [B]."""
    columns = (tf.unstack(numbers, axis=1), tf.unstack(values, axis=1))
    return list(zip(*columns, strict=True))


def matrix(chosen: Chosen, height: int, width: int) -> tf.Tensor:
    """Returns float32 [B, 3, 3], identities where no geometry was chosen.

    Shears leave the upper left corner where it is, as Pillow's and the paper's do.
    """
    number, magnitude = chosen

    def strength(name: str) -> tf.Tensor:
        return tf.where(number == OPERATIONS.index(name), magnitude, 0.0)

    x, y = strength("shear_x"), strength("shear_y")
    moved = geometry.affine(
        1.0,
        x,
        x * (height / 2) - strength("translate_x"),
        y,
        1.0,
        y * (width / 2) - strength("translate_y"),
    )
    angle = strength("rotate") * (np.pi / 180)
    return geometry.product(moved, geometry.rotation(angle))


def change_all(images: tf.Tensor, chosen: list[Chosen]) -> tf.Tensor:
    """Returns images after one operation of each image after the other."""
    numbers, values = (tf.stack(column) for column in zip(*chosen, strict=True))

    # A loop, for unrolled XLA would do the first operation again for each of the pixels
    # that the second one looks at.
    def body(index: tf.Tensor, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return index + 1, changed(images, (numbers[index], values[index]))

    _, images = tf.while_loop(lambda index, _: index < len(chosen), body, (0, images))
    return images


def changed(images: tf.Tensor, chosen: Chosen) -> tf.Tensor:
    """Returns images, each changed by the operation chosen for it."""
    number, magnitude = chosen
    factor = 1.0 + magnitude
    results = {
        "brightness": pixels.brightness(images, factor),
        "saturation": pixels.saturation(images, factor),
        "contrast": pixels.contrast(images, factor),
        "sharpness": pixels.sharpness(images, factor),
        # An operation that was not chosen has another's magnitude.
        "posterize": pixels.posterize(images, tf.clip_by_value(magnitude, 0.0, 8.0)),
        "solarize": pixels.solarize(images, magnitude),
        "autocontrast": pixels.autocontrast(images),
        "equalize": pixels.equalize(images),
        "invert": pixels.invert(images),
    }
    found = images
    for name, result in results.items():
        is_it = pixels.each(number == OPERATIONS.index(name))
        found = tf.where(is_it, result, found)
    return tf.clip_by_value(found, 0.0, 255.0)
