"""Random blur and noise."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from framework.augment.color import Photometric
from framework.numerics import draws

# Cells of the quantile table; truncates noise at 3.7 standard deviations.
_CELLS = 4096


@dataclasses.dataclass(frozen=True)
class Blur(Photometric):
    """Applies a Gaussian blur.

    >>> dot = tf.pad(tf.ones([1, 1, 1, 1]), [[0, 0], [4, 4], [4, 4], [0, 0]])
    >>> blurred = Blur((1.0, 1.0)).apply(dot, tf.constant([[0.0]]))
    >>> round(float(blurred[0, 4, 4, 0]), 3)
    0.159

    Attributes:
        sigma: The range of the standard deviation, in pixels; uniform.
    """

    sigma: Sequence[float] = (0.1, 2.0)

    def __post_init__(self) -> None:
        draws.check_ranges(sigma=self.sigma)

    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """See base class."""
        low, high = self.sigma
        sigmas = np.linspace(low, high, num=1025)
        # The weight of a neighbour at distance k is this to the power of k squared.
        neighbour = draws.from_quantiles(u[:, 0], np.exp(-0.5 / sigmas**2))
        radius = math.ceil(3 * high)
        weights = [_power(neighbour, k * k) for k in range(radius + 1)]
        total = weights[0] + 2.0 * tf.add_n(weights[1:])
        weights = [weight / total for weight in weights]
        _, height, width, _ = images.shape
        images = tf.einsum("bij,bjwc->biwc", _kernels(weights, height), images)
        return tf.einsum("bij,bhjc->bhic", _kernels(weights, width), images)


@dataclasses.dataclass(frozen=True)
class Noise(Photometric):
    """Adds independent Gaussian noise to each value.

    >>> member = Noise(std=2.0)
    >>> u = tf.random.stateless_uniform([1, member.num_draws((64, 64, 1))], (0, 0))
    >>> noisy = member.apply(tf.zeros([1, 64, 64, 1]), u)
    >>> round(float(tf.math.reduce_std(noisy)), 1)
    2.0

    Attributes:
        std: The standard deviation, in the units of the data.
    """

    std: float

    def __post_init__(self) -> None:
        draws.check_at_least(0, std=self.std)

    def num_draws(self, shape: tuple[int, int, int]) -> int:
        """See base class."""
        return math.prod(shape)

    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """See base class."""
        normal = statistics.NormalDist()
        probabilities = np.linspace(0, 1, _CELLS + 1)
        probabilities = np.clip(probabilities, 0.5 / _CELLS, 1 - 0.5 / _CELLS)
        quantiles = [normal.inv_cdf(probability) for probability in probabilities]
        noise = draws.from_quantiles(u, quantiles)
        return images + self.std * tf.reshape(noise, tf.shape(images))


def _power(base: tf.Tensor, exponent: int) -> tf.Tensor:
    """Returns an integer power, computed by multiplication only."""
    result, factor = tf.ones_like(base), base
    while exponent:
        if exponent % 2:
            result *= factor
        factor, exponent = factor * factor, exponent // 2
    return result


def _kernels(weights: list[tf.Tensor], size: int) -> tf.Tensor:
    """Returns the convolution along an axis as matrices, [B, size, size].

    The edge pixel is repeated beyond the edge.
    """
    positions = np.arange(size)
    total = 0.0
    for distance, weight in enumerate(weights):
        for offset in {-distance, distance}:
            sources = np.clip(positions + offset, 0, size - 1)
            one_hot = (positions == sources[:, None]).astype(np.float32)
            total += weight[:, None, None] * one_hot
    return total
