"""RandAugment, TrivialAugment and AutoAugment: random operations for each image.

An operation is sampled for each image as an index and a magnitude. Geometric operations
become part of the image's affine matrix. Of the others all are computed and the sampled
one is selected, so that shapes are static. Geometric operations are therefore applied
first, whatever the order of the sampled operations.
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

# An operation is identified by its index. Units of magnitudes: shears have a tangent,
# translations pixels, rotations degrees, the next four a factor minus 1, posterize
# bits, solarize a level; the last four have no magnitude.
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

# One operation for each image: its index, int32 [B], and its magnitude, float32 [B].
SampledOperation = tuple["tf.Tensor", "tf.Tensor"]


class Choice(Geometric, Photometric):
    """Applies sampled operations to each image."""

    needs_bytes = True

    @abc.abstractmethod
    def choose(self, u: tf.Tensor, height: int, width: int) -> list[SampledOperation]:
        """Samples the operations of each image, in the order of application.

        Args:
            u: float32 [B, draws], uniform in [0, 1).
            height: Image height in pixels.
            width: Image width in pixels.
        """

    def matrices(self, u: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """See base class."""
        first, *others = [
            geometric_matrices(operation, height, width)
            for operation in self.choose(u, height, width)
        ]
        for other in others:
            # Matrices map new to old coordinates, so later operations come first.
            first = geometry.compose(first, other)
        return first

    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """See base class."""
        height, width = images.shape[1:3]
        return apply_operations(images, self.choose(u, height, width))


@dataclasses.dataclass(frozen=True)
class RandAugment(Choice):
    """RandAugment (Cubuk et al., 2020), with torchvision's operations and ranges.

    >>> member = RandAugment(num_ops=1, magnitude=15)
    >>> ((index, magnitude),) = member.choose(tf.constant([[0.3, 0.9]]), 32, 32)
    >>> OPERATIONS[int(index[0])], float(magnitude[0])
    ('rotate', 15.0)

    Attributes:
        num_ops: Operations for each image.
        magnitude: The magnitude of all operations, from 0 to 30.
    """

    num_ops: int = 2
    magnitude: int = 9

    def __post_init__(self) -> None:
        if self.num_ops < 1:
            raise UsageError(f"num_ops must be at least 1, not {self.num_ops}")
        if not 0 <= self.magnitude <= 30:
            raise UsageError(f"magnitude must be from 0 to 30, not {self.magnitude}")

    def num_draws(self, shape: tuple[int, int, int]) -> int:
        """See base class."""
        return 2 * self.num_ops

    def choose(self, u: tf.Tensor, height: int, width: int) -> list[SampledOperation]:
        """See base class."""
        table = tf.constant(magnitude_table(height, width)[:, self.magnitude])
        # All but invert.
        indices = tf.cast(u[:, : self.num_ops] * (len(OPERATIONS) - 1), tf.int32)
        values = random_signs(indices, tf.gather(table, indices), u[:, self.num_ops :])
        return as_operations(indices, values)


@dataclasses.dataclass(frozen=True)
class TrivialAugment(Choice):
    """TrivialAugment wide (Müller & Hutter, 2021): one operation for each image.

    >>> ((index, magnitude),) = TrivialAugment().choose(
    ...     tf.constant([[0.3, 0.5, 0.9]]), 32, 32
    ... )
    >>> OPERATIONS[int(index[0])], float(magnitude[0])
    ('rotate', 67.5)
    """

    draws = 3

    def choose(self, u: tf.Tensor, height: int, width: int) -> list[SampledOperation]:
        """See base class."""
        table = tf.constant(_wide_magnitude_table())
        indices = tf.cast(u[:, :1] * (len(OPERATIONS) - 1), tf.int32)
        level = tf.cast(u[:, 1:2] * table.shape[1], tf.int32)
        values = tf.gather_nd(table, tf.stack([indices, level], axis=2))
        return as_operations(indices, random_signs(indices, values, u[:, 2:]))


@dataclasses.dataclass(frozen=True)
class AutoAugment(Choice):
    """AutoAugment (Cubuk et al., 2019): the learnt policies of three data sets.

    >>> operations = AutoAugment("cifar10").choose(tf.zeros([1, 5]), 32, 32)
    >>> [OPERATIONS[int(index[0])] for index, _ in operations]
    ['invert', 'contrast']

    Attributes:
        policy: imagenet, cifar10 or svhn.
    """

    policy: str = "imagenet"
    draws = 5

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise UsageError(
                f"policy must be one of {', '.join(POLICIES)}, not {self.policy!r}"
            )

    def choose(self, u: tf.Tensor, height: int, width: int) -> list[SampledOperation]:
        """See base class."""
        table = magnitude_table(height, width, levels=10)
        pairs = POLICIES[self.policy]
        all_indices = [
            [OPERATIONS.index(name) for name, _, _ in pair] for pair in pairs
        ]
        probabilities = [[probability for _, probability, _ in pair] for pair in pairs]
        magnitudes = [
            [table[OPERATIONS.index(name), level] for name, _, level in pair]
            for pair in pairs
        ]
        row = tf.cast(u[:, 0] * len(pairs), tf.int32)
        probability = tf.gather(tf.constant(probabilities, tf.float32), row)
        is_applied = u[:, 1:3] < probability
        indices = tf.gather(tf.constant(all_indices), row)
        values = tf.gather(tf.constant(magnitudes, tf.float32), row)
        values = random_signs(indices, values, u[:, 3:])
        indices = tf.where(is_applied, indices, OPERATIONS.index("identity"))
        return as_operations(indices, values)


def magnitude_table(height: int, width: int, levels: int = 31) -> np.ndarray:
    """Returns AutoAugment's magnitudes, float32 [operations, levels].

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


def _wide_magnitude_table() -> np.ndarray:
    """Returns TrivialAugment's magnitudes, float32 [operations, 31], as torchvision."""
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


def random_signs(indices: tf.Tensor, values: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Negates half of the magnitudes of operations that have a direction."""
    is_negative = tf.gather(tf.constant(_SIGNED), indices) & (u < 0.5)
    return tf.where(is_negative, -values, values)


def as_operations(indices: tf.Tensor, values: tf.Tensor) -> list[SampledOperation]:
    """Splits indices and magnitudes, [B, n], into n operations, pairs of [B]."""
    columns = (tf.unstack(indices, axis=1), tf.unstack(values, axis=1))
    return list(zip(*columns, strict=True))


def geometric_matrices(
    operation: SampledOperation, height: int, width: int
) -> tf.Tensor:
    """Returns float32 [B, 3, 3]; the identity for operations that are not geometric.

    Shears fix the upper left corner, as in Pillow and the paper.
    """
    index, magnitude = operation

    def strength(name: str) -> tf.Tensor:
        return tf.where(index == OPERATIONS.index(name), magnitude, 0.0)

    x, y = strength("shear_x"), strength("shear_y")
    sheared = geometry.affine(
        1.0,
        x,
        x * (height / 2) - strength("translate_x"),
        y,
        1.0,
        y * (width / 2) - strength("translate_y"),
    )
    angle = strength("rotate") * (np.pi / 180)
    return geometry.compose(sheared, geometry.rotation(angle))


def apply_operations(
    images: tf.Tensor, operations: list[SampledOperation]
) -> tf.Tensor:
    """Applies operations to each image, in their order."""
    indices, values = (tf.stack(column) for column in zip(*operations, strict=True))

    # A loop: unrolled, XLA would recompute the first operation for each pixel that the
    # second one reads.
    def body(place: tf.Tensor, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return place + 1, apply_operation(images, (indices[place], values[place]))

    count = len(operations)
    _, images = tf.while_loop(lambda place, _: place < count, body, (0, images))
    return images


def apply_operation(images: tf.Tensor, operation: SampledOperation) -> tf.Tensor:
    """Applies one sampled operation to each image; geometric ones change nothing."""
    index, magnitude = operation
    factor = 1.0 + magnitude
    results = {
        "brightness": pixels.brightness(images, factor),
        "saturation": pixels.saturation(images, factor),
        "contrast": pixels.contrast(images, factor),
        "sharpness": pixels.sharpness(images, factor),
        # Images with another operation have a magnitude in other units.
        "posterize": pixels.posterize(images, tf.clip_by_value(magnitude, 0.0, 8.0)),
        "solarize": pixels.solarize(images, magnitude),
        "autocontrast": pixels.autocontrast(images),
        "equalize": pixels.equalize(images),
        "invert": pixels.invert(images),
    }
    for name, result in results.items():
        is_selected = pixels.per_image(index == OPERATIONS.index(name))
        images = tf.where(is_selected, result, images)
    return tf.clip_by_value(images, 0.0, 255.0)
