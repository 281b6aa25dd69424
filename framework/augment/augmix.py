"""AugMix: a weighted mean of several augmentation chains and the original image."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from framework.augment import geometry, pixels
from framework.augment.choice import (
    OPERATIONS,
    apply_operations,
    as_operations,
    geometric_matrices,
    magnitude_table,
    random_signs,
)
from framework.augment.color import Photometric
from framework.errors import UsageError
from framework.numerics import draws

_LEVELS = 10
_DEPTH = 3
# Random numbers of a chain: its depth; and index, level and sign of each operation.
_CHAIN = 1 + 3 * _DEPTH
# The operations that differ from the corruptions of ImageNet-C, as in the paper.
_ALLOWED = tuple(
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

    >>> member = AugMix(severity=1)
    >>> u = tf.random.stateless_uniform([1, member.num_draws((8, 8, 3))], (0, 0))
    >>> images = tf.fill([1, 8, 8, 3], 64.0)
    >>> round(float(member.apply(images, u)[0, 4, 4, 0]), 2)
    64.0

    Attributes:
        severity: The maximum level of magnitudes, from 1 to 10.
        width: The number of chains, each of one to three operations.
        alpha: The parameter of the Dirichlet and Beta distributions of the weights.
    """

    severity: int = 3
    width: int = 3
    alpha: float = 1.0
    needs_bytes = True

    def __post_init__(self) -> None:
        if not 1 <= self.severity <= _LEVELS:
            raise UsageError(
                f"severity must be from 1 to {_LEVELS}, not {self.severity}"
            )
        if self.width < 1 or not self.alpha > 0:
            raise UsageError(
                f"width and alpha must be positive, not {self.width} and {self.alpha}"
            )

    def num_draws(self, shape: tuple[int, int, int]) -> int:
        """See base class."""
        return self.width + 2 + self.width * _CHAIN

    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """See base class."""
        gammas = draws.from_quantiles(
            u[:, : self.width + 2], _gamma_quantiles(self.alpha)
        )
        weights, (own, other) = gammas[:, :-2], tf.unstack(gammas[:, -2:], axis=1)
        weights /= tf.reduce_sum(weights, axis=1, keepdims=True)
        chains = tf.reshape(u[:, self.width + 2 :], [-1, self.width, _CHAIN])

        def body(index: tf.Tensor, mixed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            chain = self._chain(images, chains[:, index])
            return index + 1, mixed + pixels.per_image(weights[:, index]) * chain

        start = (0, tf.zeros_like(images))
        _, mixed = tf.while_loop(lambda index, _: index < self.width, body, start)
        # The first of two gammas, as a fraction of their sum, has a Beta distribution.
        return pixels.blend(mixed, images, own / (own + other))

    def _chain(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Applies one to three sampled operations to each image."""
        height, width = images.shape[1:3]
        depth = 1 + tf.cast(u[:, :1] * _DEPTH, tf.int32)
        index_u, level_u, sign_u = tf.split(u[:, 1:], 3, axis=1)
        indices = tf.gather(_ALLOWED, tf.cast(index_u * len(_ALLOWED), tf.int32))
        indices = tf.where(
            tf.range(_DEPTH) < depth, indices, OPERATIONS.index("identity")
        )
        table = tf.constant(magnitude_table(height, width, levels=_LEVELS))
        level = tf.cast(level_u * self.severity, tf.int32)
        values = tf.gather_nd(table, tf.stack([indices, level], axis=2))
        operations = as_operations(indices, random_signs(indices, values, sign_u))
        matrices = geometric_matrices(operations[0], height, width)
        for operation in operations[1:]:
            matrices = geometry.compose(
                matrices, geometric_matrices(operation, height, width)
            )
        matrices = geometry.with_corner_origin(matrices, height, width)
        return apply_operations(geometry.warp(images, matrices), operations)


def _gamma_quantiles(alpha: float) -> np.ndarray:
    """Returns the quantiles of Gamma(alpha, 1); the infinite last one is truncated."""
    # SciPy is slow to import, and only AugMix needs it here.
    from scipy import special

    cells = 1024
    probabilities = np.minimum(np.linspace(0, 1, cells + 1), 1 - 0.5 / cells)
    return np.maximum(special.gammaincinv(alpha, probabilities), 1e-30)
