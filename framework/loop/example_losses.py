"""The losses of the examples of a batch, weighted and mixed, and the sums over them."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from framework.augment.mix import partners
from framework.losses import Loss

Sums = dict[str, "tf.Tensor"]


@dataclasses.dataclass(frozen=True, eq=False)
class ExampleLosses:
    """The losses of the examples of a micro-batch.

    Attributes:
        labels: int32 [B], the dominant labels; [B, K] where there are several each.
        losses: float32 [B], without the weights of the examples.
        weights: float32 [B], the weights of the examples; None if all count the same.
        weighted: float32 [B], the losses times the weights.
    """

    labels: tf.Tensor
    losses: tf.Tensor
    weights: tf.Tensor | None
    weighted: tf.Tensor


def losses(
    loss: Loss,
    labels: tf.Tensor,
    logits: tf.Tensor,
    own_fraction: tf.Tensor | None = None,
    weights: tf.Tensor | None = None,
) -> ExampleLosses:
    """Computes the losses of examples, some of which may be mixed with their partner.

    The weight of an example multiplies what its own label contributes, in both images
    that it is mixed into: own * w_i * loss(y_i) + (1 - own) * w_j * loss(y_j). The
    weight of a mixed image is own * w_i + (1 - own) * w_j.

    Args:
        loss: The loss of each example, from labels and logits.
        labels: int32 [B], or [B, K] of 0 and 1.
        logits: float32 [B, K].
        own_fraction: float32 [B], the fraction of each image that is its own; None if
            images are not mixed.
        weights: float32 [B], the weights of the examples in the data set, or None.
    """
    own = loss(labels, logits)
    if own_fraction is None:
        weighted = own if weights is None else weights * own
        return ExampleLosses(labels, own, weights, weighted)
    others = partners(labels)
    of_others = loss(others, logits)
    mixed = _mixed(own_fraction, own, of_others)
    weighted = mixed
    if weights is not None:
        other_weights = partners(weights)
        weighted = _mixed(own_fraction, weights * own, other_weights * of_others)
        weights = _mixed(own_fraction, weights, other_weights)
    is_own = own_fraction >= 0.5
    if labels.shape.rank == 2:
        is_own = is_own[:, None]
    dominant = tf.where(is_own, labels, others)
    return ExampleLosses(dominant, mixed, weights, weighted)


def sums(examples: ExampleLosses, is_example: tf.Tensor, logits: tf.Tensor) -> Sums:
    """Returns the sums that `state.SUMS` names over the examples but padding.

    Args:
        examples: The losses of a micro-batch.
        is_example: bool [B], which examples are not padding.
        logits: float32 [B, K].

    Returns:
        With weights also those of `state.WEIGHTED_SUMS`.
    """
    if examples.labels.shape.rank == 2:
        predicted = tf.cast(logits > 0, tf.int32)
        is_right = tf.reduce_all(predicted == examples.labels, axis=1)
    else:
        predicted = tf.argmax(logits, axis=1, output_type=tf.int32)
        is_right = predicted == examples.labels
    correct = is_example & is_right
    result = {
        "examples": tf.reduce_sum(tf.cast(is_example, tf.int32)),
        "correct": tf.reduce_sum(tf.cast(correct, tf.int32)),
        "loss": tf.reduce_sum(tf.where(is_example, examples.losses, 0.0)),
    }
    if examples.weights is None:
        return result
    return {
        **result,
        "weight": tf.reduce_sum(tf.where(is_example, examples.weights, 0.0)),
        "weighted_correct": tf.reduce_sum(tf.where(correct, examples.weights, 0.0)),
        "weighted_loss": tf.reduce_sum(tf.where(is_example, examples.weighted, 0.0)),
    }


def _mixed(own_fraction: tf.Tensor, own: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    return own_fraction * own + (1.0 - own_fraction) * others
