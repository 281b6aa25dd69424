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

# Cells of the table of quantiles: noise is cut off beyond 3.7 standard deviations.
_CELLS = 4096


@dataclasses.dataclass(frozen=True)
class Blur(Photometric):
    """Blurs by a Gaussian.

    Attributes:
        sigma: Its least and its largest standard deviation, in pixels; uniform.
    """

    sigma: Sequence[float] = (0.1, 2.0)

    def __post_init__(self):
        draws.rising(sigma=self.sigma)

    def apply(self, images, u):
        """See base class."""
        sigmas = np.linspace(*self.sigma, num=1025)
        # Of a neighbour at distance k the weight is this to the power of k squared.
        neighbour = draws.by_quantiles(u[:, 0], np.exp(-0.5 / sigmas**2))
        radius = math.ceil(3 * self.sigma[1])
        weights = [_power(neighbour, k * k) for k in range(radius + 1)]
        total = weights[0] + 2.0 * tf.add_n(weights[1:])
        weights = [weight / total for weight in weights]
        _, height, width, _ = images.shape
        images = tf.einsum("bij,bjwc->biwc", _kernels(weights, height), images)
        return tf.einsum("bij,bhjc->bhic", _kernels(weights, width), images)


@dataclasses.dataclass(frozen=True)
class Noise(Photometric):
    """Adds Gaussian noise to each value.

    Attributes:
        std: Its standard deviation, in the data's own units.
    """

    std: float

    def __post_init__(self):
        draws.at_least(0, std=self.std)

    def draws_of(self, shape):
        """See base class."""
        return math.prod(shape)

    def apply(self, images, u):
        """See base class."""
        normal = statistics.NormalDist()
        shares = np.clip(np.linspace(0, 1, _CELLS + 1), 0.5 / _CELLS, 1 - 0.5 / _CELLS)
        quantiles = [normal.inv_cdf(share) for share in shares]
        noise = draws.by_quantiles(u, quantiles)
        return images + self.std * tf.reshape(noise, tf.shape(images))


def _power(base: tf.Tensor, exponent: int) -> tf.Tensor:
    """Returns a whole power by products only."""
    result, factor = tf.ones_like(base), base
    while exponent:
        if exponent % 2:
            result *= factor
        factor, exponent = factor * factor, exponent // 2
    return result


def _kernels(weights: list[tf.Tensor], size: int) -> tf.Tensor:
    """Returns [B, size, size], how much old pixels count in new ones along an axis.

    Beyond the edge stands the last pixel.
    """
    places = np.arange(size)
    total = 0.0
    for distance, weight in enumerate(weights):
        for offset in {-distance, distance}:
            seen = np.clip(places + offset, 0, size - 1)
            counted = (places == seen[:, None]).astype(np.float32)
            total += weight[:, None, None] * counted
    return total
