"""AugMix: a mean of several chains of changes, mixed with the image itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from framework.augment import geometry, pixels
from framework.augment.choice import (
    OPERATIONS,
    change_all,
    magnitudes,
    matrix,
    pairs,
    signed,
)
from framework.augment.color import Photometric
from framework.errors import UsageError
from framework.numerics import draws

_LEVELS = 10
_DEPTH = 3
# Draws of a chain: its depth; and which operation, how much of it, and its sign.
_CHAIN = 1 + 3 * _DEPTH
# Those that resemble none of the corruptions by which robustness is usually measured.
_USED = tuple(
    OPERATIONS.index(name)
    for name in (
        "shear_x",
        "shear_y",
        "translate_x",
        "translate_y",
        "rotate",
        "posterize",
        "solarize",
        "autocontrast",
        "equalize",
    )
)


@dataclasses.dataclass(frozen=True)
class AugMix(Photometric):
    """AugMix (Hendrycks et al., 2020), without its consistency loss.

    Attributes:
        severity: The largest magnitude, from 1 to 10.
        width: How many chains, each of one to three operations.
        alpha: Of the Dirichlet and Beta distributions that chains are weighed by.
    """

    severity: int = 3
    width: int = 3
    alpha: float = 1.0
    of_bytes = True

    def __post_init__(self):
        if not 1 <= self.severity <= _LEVELS:
            raise UsageError(
                f"severity must be from 1 to {_LEVELS}, not {self.severity}"
            )
        if self.width < 1 or not self.alpha > 0:
            raise UsageError(
                f"width and alpha must be positive, not {self.width} and {self.alpha}"
            )

    @property
    def draws(self) -> int:
        """How many random numbers an image takes."""
        return self.width + 2 + self.width * _CHAIN

    def apply(self, images, u):
        """See base class."""
        gammas = draws.by_quantiles(u[:, : self.width + 2], _gamma(self.alpha))
        weights, (own, other) = gammas[:, :-2], tf.unstack(gammas[:, -2:], axis=1)
        weights /= tf.reduce_sum(weights, axis=1, keepdims=True)
        chains = tf.reshape(u[:, self.width + 2 :], [-1, self.width, _CHAIN])

        def body(index: tf.Tensor, mixed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            chain = self._chain(images, chains[:, index])
            return index + 1, mixed + pixels.each(weights[:, index]) * chain

        start = (0, tf.zeros_like(images))
        _, mixed = tf.while_loop(lambda index, _: index < self.width, body, start)
        # Of two gammas, the first's share is a Beta.
        return pixels.blend(mixed, images, own / (own + other))

    def _chain(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Returns images after one to three operations each."""
        height, width = images.shape[1:3]
        depth = 1 + tf.cast(u[:, :1] * _DEPTH, tf.int32)
        which, how_much, sign = tf.split(u[:, 1:], 3, axis=1)
        numbers = tf.gather(_USED, tf.cast(which * len(_USED), tf.int32))
        numbers = tf.where(
            tf.range(_DEPTH) < depth, numbers, OPERATIONS.index("identity")
        )
        table = tf.constant(magnitudes(height, width, levels=_LEVELS))
        level = tf.cast(how_much * self.severity, tf.int32)
        values = tf.gather_nd(table, tf.stack([numbers, level], axis=2))
        chosen = pairs(numbers, signed(numbers, values, sign))
        product = matrix(chosen[0], height, width)
        for each in chosen[1:]:
            product = geometry.product(product, matrix(each, height, width))
        images = geometry.warp(images, geometry.centred(product, height, width))
        return change_all(images, chosen)


def _gamma(alpha: float) -> np.ndarray:
    """Returns the quantiles of the gamma distribution; the last, infinite, is cut."""
    # Takes a moment to import, and only this needs it.
    from scipy import special

    cells = 1024
    shares = np.minimum(np.linspace(0, 1, cells + 1), 1 - 0.5 / cells)
    return np.maximum(special.gammaincinv(alpha, shares), 1e-30)
