"""Scaling of pixels before the network, the same in training and evaluation."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from framework.data.dataset import Split

# Statistics of so many images are exact enough, and cheap from a disk as well.
_SAMPLE = 10_000


@dataclasses.dataclass(frozen=True)
class Normalizer:
    """Subtracts `mean` and divides by `std`, channel by channel.

    Attributes:
        mean: One value a channel, in the data's units.
        std: One value a channel; positive.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Returns float32 images of the same shape."""
        mean = tf.constant(self.mean, tf.float32)
        scale = tf.constant([1.0 / std for std in self.std], tf.float32)
        return (tf.cast(images, tf.float32) - mean) * scale


def build(kind: str, train: Split, rows: np.ndarray) -> Normalizer:
    """Returns the scaling of a kind.

    Args:
        kind: "none"; "unit", which brings 0 to 255 to 0 to 1 and leaves float images
            as they are; or "standard", to mean 0 and standard deviation 1 of each
            channel over (at most 10,000, evenly spaced, of) the training images.
        train: The training split.
        rows: int [N], which of its images are trained on.
    """
    channels = train.images.shape[3]
    if kind == "none" or (kind == "unit" and train.images.dtype != np.uint8):
        return Normalizer((0.0,) * channels, (1.0,) * channels)
    if kind == "unit":
        return Normalizer((0.0,) * channels, (255.0,) * channels)
    spaced = np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE)).astype(np.int64)
    sample = train.take(rows[spaced]).in_memory(lambda done, total: None)
    return _standard(sample.images)


def _standard(images: np.ndarray) -> Normalizer:
    count, total, squares = 0, 0.0, 0.0
    for start in range(0, len(images), 1000):
        chunk = images[start : start + 1000].astype(np.float64)
        count += chunk[..., 0].size
        total = total + chunk.sum(axis=(0, 1, 2))
        squares = squares + (chunk**2).sum(axis=(0, 1, 2))
    mean = total / count
    variance = np.maximum(squares / count - mean**2, 0.0)
    # A constant channel carries nothing, and must not be divided by 0.
    std = np.where(variance > 1e-12, np.sqrt(variance), 1.0)
    return Normalizer(tuple(mean.tolist()), tuple(std.tolist()))
