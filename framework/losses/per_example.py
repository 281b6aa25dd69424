"""Losses of classification, one number per example.

Each takes labels, int32 [B], and logits, float32 [B, K], and returns float32 [B].
`binary_cross_entropy` also takes several labels per example, int32 [B, K]. A
parameter `class_counts` receives the number of training images of each class, [K].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# The smallest base of a power, whose slope would be infinite at 0.
_TINY = 1e-7


def cross_entropy(
    labels: tf.Tensor,
    logits: tf.Tensor,
    class_counts: np.ndarray | None = None,
    label_smoothing: float = 0.0,
    class_weights: str | Sequence[float] | None = None,
) -> tf.Tensor:
    """Cross-entropy with the softmax, in nats.

    >>> loss = cross_entropy(tf.constant([0, 1]), tf.constant([[2.0, 0.0], [2.0, 0.0]]))
    >>> print(loss.numpy().round(3))
    [0.127 2.127]

    Args:
        labels: int32 [B].
        logits: float32 [B, K].
        class_counts: Training images of each class, int [K].
        label_smoothing: Fraction of each label spread evenly over all classes (Szegedy
            et al., 2016).
        class_weights: Factor of the loss of each class, K numbers; or "balanced":
            images / (classes * images of the class), so that the mean over the training
            images is 1. Losses are not divided by the sum of weights.

    Raises:
        ValueError: There is not one positive weight for each class.
    """
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if label_smoothing:
        # Cross-entropy with the uniform distribution.
        uniform = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=1)
        losses += label_smoothing * (uniform - losses)
    return _weighted(losses, labels, logits, class_counts, class_weights)


def focal(
    labels: tf.Tensor,
    logits: tf.Tensor,
    class_counts: np.ndarray | None = None,
    gamma: float = 2.0,
    class_weights: str | Sequence[float] | None = None,
) -> tf.Tensor:
    """Cross-entropy times (1 - p)^gamma, where p is the probability of the label.

    Lin et al., "Focal loss for dense object detection" (2017), for the softmax as in
    Keras; the factor `alpha` of that paper is a class weight here.

    >>> loss = focal(tf.constant([0, 1]), tf.constant([[2.0, 0.0], [2.0, 0.0]]))
    >>> print(loss.numpy().round(3))
    [0.002 1.65 ]

    Args:
        labels: int32 [B].
        logits: float32 [B, K].
        class_counts: Training images of each class, int [K].
        gamma: The exponent, 0 or more; 0 is cross-entropy.
        class_weights: As in `cross_entropy`.

    Raises:
        ValueError: gamma is negative, or there is not one positive weight per class.
    """
    if gamma < 0:
        raise ValueError(f"gamma must be 0 or more, not {gamma}")
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if gamma:
        # 1 - p without cancellation where p is near 1.
        losses *= tf.maximum(-tf.math.expm1(-losses), _TINY) ** gamma
    return _weighted(losses, labels, logits, class_counts, class_weights)


def poly1(
    labels: tf.Tensor,
    logits: tf.Tensor,
    class_counts: np.ndarray | None = None,
    epsilon: float = 1.0,
    class_weights: str | Sequence[float] | None = None,
) -> tf.Tensor:
    """Cross-entropy plus epsilon (1 - p), where p is the probability of the label.

    Leng et al., "PolyLoss" (2022).

    >>> loss = poly1(tf.constant([0, 1]), tf.constant([[2.0, 0.0], [2.0, 0.0]]))
    >>> print(loss.numpy().round(3))
    [0.246 3.008]

    Args:
        labels: int32 [B].
        logits: float32 [B, K].
        class_counts: Training images of each class, int [K].
        epsilon: Weight of the second term, -1 or more; 0 is cross-entropy.
        class_weights: As in `cross_entropy`.

    Raises:
        ValueError: epsilon is below -1, or there is not one positive weight per class.
    """
    if epsilon < -1:
        raise ValueError(f"epsilon must be -1 or more, not {epsilon}")
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    losses -= epsilon * tf.math.expm1(-losses)
    return _weighted(losses, labels, logits, class_counts, class_weights)


def logit_adjusted(
    labels: tf.Tensor,
    logits: tf.Tensor,
    class_counts: np.ndarray | None = None,
    tau: float = 1.0,
    label_smoothing: float = 0.0,
) -> tf.Tensor:
    """Cross-entropy with logits + tau log(fraction of the class), for rare classes.

    The model itself then has the logits of balanced classes. Menon et al., "Long-tail
    learning via logit adjustment" (2021), equation 10. A class without training images
    counts as one with a single image.

    >>> logits, counts = tf.constant([[2.0, 0.0], [2.0, 0.0]]), np.array([90, 10])
    >>> loss = logit_adjusted(tf.constant([0, 1]), logits, counts)
    >>> print(loss.numpy().round(3))
    [0.015 4.212]

    Args:
        labels: int32 [B].
        logits: float32 [B, K].
        class_counts: Training images of each class, int [K].
        tau: Strength of the adjustment, 0 or more; 0 is cross-entropy.
        label_smoothing: As in `cross_entropy`.

    Raises:
        ValueError: tau is negative, or the counts are not given.
    """
    if tau < 0:
        raise ValueError(f"tau must be 0 or more, not {tau}")
    if class_counts is None:
        raise ValueError("logit_adjusted needs the images of each class")
    counts = np.maximum(class_counts, 1)
    adjustment = tf.constant(tau * np.log(counts / counts.sum()), logits.dtype)
    return cross_entropy(labels, logits + adjustment, None, label_smoothing)


def binary_cross_entropy(
    labels: tf.Tensor,
    logits: tf.Tensor,
    class_counts: np.ndarray | None = None,
    label_smoothing: float = 0.0,
    sum_classes: bool = False,
    class_weights: str | Sequence[float] | None = None,
    num_images: int | None = None,
) -> tf.Tensor:
    """Mean over classes of the cross-entropy of a sigmoid, one class against the rest.

    Wightman et al., "ResNet strikes back" (2021). Predictions remain the largest logit;
    with several labels per image they are the positive logits.

    >>> loss = binary_cross_entropy(tf.constant([0]), tf.constant([[2.0, 0.0]]))
    >>> print(loss.numpy().round(3))
    [0.41]

    Args:
        labels: int32 [B]; or [B, K] of 0 and 1, several labels per image.
        logits: float32 [B, K].
        class_counts: Training images of each class, int [K].
        label_smoothing: Fraction of each label spread evenly over all classes; with
            several labels, between 0 and 1 of each class (as in Keras).
        sum_classes: Whether to sum over classes instead.
        class_weights: As in `cross_entropy`. With several labels, the factor of the
            positive term of each class, -w y log p - (1 - y) log(1 - p), as PyTorch's
            `pos_weight`; "balanced" is images without / images with the class, so that
            both terms of a class count the same.
        num_images: Training images, for "balanced" with several labels.

    Raises:
        ValueError: There is not one positive weight for each class.
    """
    classes = logits.shape[1]
    if labels.shape.rank == 2:
        targets = tf.cast(labels, logits.dtype)
        targets = targets * (1.0 - label_smoothing) + label_smoothing / 2
    else:
        off = label_smoothing / classes
        targets = tf.one_hot(labels, classes, 1.0 - label_smoothing + off, off)
    targets = tf.cast(targets, logits.dtype)
    reduce = tf.reduce_sum if sum_classes else tf.reduce_mean
    if labels.shape.rank == 2 and class_weights is not None:
        weights = _positive_weights(class_weights, classes, class_counts, num_images)
        factor = tf.constant(weights, logits.dtype)
        each = tf.nn.weighted_cross_entropy_with_logits(targets, logits, factor)
        return reduce(each, axis=1)
    each = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
    losses = reduce(each, axis=1)
    return _weighted(losses, labels, logits, class_counts, class_weights)


def _weighted(
    losses: tf.Tensor,
    labels: tf.Tensor,
    logits: tf.Tensor,
    class_counts: np.ndarray | None,
    class_weights: str | Sequence[float] | None,
) -> tf.Tensor:
    """Multiplies each loss by the weight of its label."""
    if class_weights is None:
        return losses
    weights = _weights(class_weights, logits.shape[1], class_counts)
    return losses * tf.gather(tf.constant(weights, losses.dtype), labels)


def _positive_weights(
    given: str | Sequence[float],
    classes: int,
    counts: np.ndarray | None,
    images: int | None,
) -> np.ndarray:
    """Returns the weight of the images that have a class, for each class.

    A class that no image has, or that all have, has weight 1.
    """
    if given != "balanced" or counts is None or images is None:
        return _weights(given, classes, None)
    is_divided = (counts > 0) & (counts < images)
    return np.where(is_divided, (images - counts) / np.maximum(counts, 1), 1.0)


def _weights(
    given: str | Sequence[float], classes: int, counts: np.ndarray | None
) -> np.ndarray:
    """Returns the weight of each class.

    A class without training images has weight 1, which nothing multiplies.
    """
    if isinstance(given, str):
        if given != "balanced" or counts is None:
            raise ValueError(
                f"class_weights must be 'balanced' or {classes} numbers, not {given!r}"
            )
        present = np.count_nonzero(counts)
        balanced = counts.sum() / (present * np.maximum(counts, 1))
        return np.where(counts > 0, balanced, 1.0)
    weights = np.asarray(given, np.float64)
    if weights.shape != (classes,) or not (weights > 0).all():
        raise ValueError(
            f"class_weights must be {classes} positive numbers, one for each class, "
            f"not {tuple(given)}"
        )
    return weights
