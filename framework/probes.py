"""Measurements of a training step that are made only now and then."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def norms(
    gradients: Sequence[tf.Tensor],
    before: Sequence[tf.Tensor],
    after: Sequence[tf.Tensor],
) -> dict[str, tf.Tensor]:
    """Returns the size of a step: float32 scalars, Euclidean norms over all weights.

    Args:
        gradients: Of the loss, over all replicas, before clipping.
        before: The weights before the update.
        after: The weights after it.
    """
    moved = [new - old for new, old in zip(after, before, strict=True)]
    return {
        "gradient_norm": tf.linalg.global_norm(gradients),
        "weight_norm": tf.linalg.global_norm(after),
        "update_norm": tf.linalg.global_norm(moved),
    }
