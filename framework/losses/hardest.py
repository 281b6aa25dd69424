"""Online hard example mining: a loss of the hardest examples of each batch only."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from framework.losses import per_example

# Fractions of a batch are counted in millionths, in integers: 0.7 * 10 of floats is
# 7.000000000000001, which would keep eight.
_UNIT = 1_000_000


def ohem(
    labels: tf.Tensor,
    logits: tf.Tensor,
    class_counts: np.ndarray | None = None,
    fraction: float = 0.25,
    label_smoothing: float = 0.0,
    class_weights: str | Sequence[float] | None = None,
) -> tf.Tensor:
    """Cross-entropy of the hardest fraction of each global batch, for hard examples.

    Shrivastava et al., "Training region-based object detectors with online hard example
    mining" (2016). The step takes the mean over the ceil(fraction * images) largest
    losses of the batch, on any number of devices; this function returns all losses.

    >>> loss = ohem(tf.constant([0, 1]), tf.constant([[2.0, 0.0], [2.0, 0.0]]))
    >>> print(loss.numpy().round(3))
    [0.127 2.127]

    Args:
        labels: int32 [B].
        logits: float32 [B, K].
        class_counts: Training images of each class, int [K].
        fraction: Of the images of a batch that are kept, above 0 and at most 1.
        label_smoothing: As in `cross_entropy`.
        class_weights: As in `cross_entropy`; losses are compared after it.

    Raises:
        ValueError: The fraction is out of range, or there is not one positive weight
            for each class.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be above 0 and at most 1, not {fraction}")
    return per_example.cross_entropy(
        labels, logits, class_counts, label_smoothing, class_weights
    )


def kept_fraction(loss: Callable[..., Any]) -> float:
    """Returns the fraction of a batch that the step keeps for a loss; 1 for all.

    >>> kept_fraction(functools.partial(ohem, fraction=0.5))
    0.5

    Args:
        loss: From `framework.losses.build`.
    """
    if not isinstance(loss, functools.partial) or loss.func is not ohem:
        return 1.0
    default = inspect.signature(ohem).parameters["fraction"].default
    return float(loss.keywords.get("fraction", default))


def factors(losses: tf.Tensor, is_example: tf.Tensor, fraction: float) -> tf.Tensor:
    """Returns the factor of each loss in that of the batch; call it on each replica.

    The k hardest examples of the global batch have 1 / k, all others 0. Of equal
    losses, those that come first in the batch are harder. NaN is the hardest, so that
    no step hides it.

    >>> losses = tf.constant([3.0, 1.0, 2.0, 9.0])
    >>> is_example = tf.constant([True, True, True, False])
    >>> print(factors(losses, is_example, fraction=0.5).numpy())
    [0.5 0.  0.5 0. ]

    Args:
        losses: float32 [B], of this replica.
        is_example: bool [B], which are not padding.
        fraction: Of the examples that are kept; k is rounded up.

    Returns:
        float32 [B], without a gradient.
    """
    infinity = tf.constant(np.inf, losses.dtype)
    hardness = tf.where(tf.math.is_nan(losses), infinity, losses)
    hardness = tf.stop_gradient(tf.where(is_example, hardness, -infinity))
    context = tf.distribute.get_replica_context()
    everyone = hardness
    if context.num_replicas_in_sync > 1:
        everyone = context.all_gather(hardness, axis=0)
    examples = tf.reduce_sum(tf.cast(everyone > -infinity, tf.int64))
    kept = (examples * round(fraction * _UNIT) + _UNIT - 1) // _UNIT
    order = tf.argsort(everyone, direction="DESCENDING", stable=True)
    # The inverse of the order.
    rank = tf.argsort(order, stable=True)
    size = losses.shape[0]
    own = tf.slice(rank, [context.replica_id_in_sync_group * size], [size])
    is_kept = is_example & (tf.cast(own, tf.int64) < kept)
    return tf.cast(is_kept, losses.dtype) / tf.cast(kept, losses.dtype)
