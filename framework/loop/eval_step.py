"""An evaluation step of one replica: the predictions of a batch."""

from __future__ import annotations

import keras
import tensorflow as tf

from framework.augment.normalize import Normalizer


def eval_step(
    model: keras.Model, normalize: Normalizer, images: tf.Tensor, labels: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Returns the fields of `Predictions` for a batch, [B] each, and logits [B, K].

    Args:
        model: Maps normalized images to logits.
        normalize: Normalization of pixels.
        images: [B, height, width, C], as in the data set.
        labels: int32 [B]; or [B, K] of 0 and 1, where there are several each.
    """
    logits = tf.cast(model(normalize(images), training=False), tf.float32)
    if labels.shape.rank == 2:
        return _several_labels(labels, logits)
    num_classes = logits.shape[1]
    true = tf.gather(logits, labels, batch_dims=1)[:, None]
    # Ties rank by class index, so that rank 0 is the argmax.
    earlier = tf.range(num_classes)[None] < labels[:, None]
    ahead = (logits > true) | ((logits == true) & earlier)
    rank = tf.reduce_sum(tf.cast(ahead, tf.int32), axis=1)
    finite = tf.reduce_all(tf.math.is_finite(logits), axis=1)
    return {
        "labels": labels,
        "predicted": tf.argmax(logits, axis=1, output_type=tf.int32),
        "rank": tf.where(finite, rank, num_classes),
        "confidence": tf.reduce_max(tf.nn.softmax(logits), axis=1),
        "losses": tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits),
        "logits": logits,
    }


def _several_labels(labels: tf.Tensor, logits: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns the fields of `Predictions` of a batch with several labels each."""
    targets = tf.cast(labels, tf.float32)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
    return {
        "labels": labels,
        "predicted": tf.cast(logits > 0, tf.int32),
        "confidence": tf.sigmoid(tf.abs(logits)),
        "losses": tf.reduce_mean(losses, axis=1),
        "logits": logits,
    }
