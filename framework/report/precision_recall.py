"""Precision-recall curves of the classes, for TensorBoard's plugin "PR curves"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.pr_curve import metadata
from tensorboard.util import tensor_util

from framework.numerics.metrics import Predictions

# The most classes with a curve; of more, those of the lowest average precision.
MOST_CURVES = 20
_WORST = 10
# Thresholds of the probability, evenly spaced from 0 to 1.
_THRESHOLDS = 101


def summaries(
    predictions: Predictions, class_names: Sequence[str], prefix: str
) -> list[Summary]:
    """Returns a curve for each class that occurs; of many classes of the worst ten.

    Args:
        predictions: With logits.
        class_names: The names of the classes.
        prefix: Of the names of the curves.
    """
    assert predictions.logits is not None
    labels, classes = predictions.labels, len(class_names)
    if not predictions.has_several_labels:
        labels = labels[:, None] == np.arange(classes)
    scores = probabilities(predictions.logits, predictions.has_several_labels)
    curves = {
        int(index): curve(labels[:, index].astype(bool), scores[:, index])
        for index in np.flatnonzero(labels.any(axis=0))
    }
    if classes > MOST_CURVES:
        worst = sorted(curves, key=lambda index: _average_precision(curves[index]))
        curves = {index: curves[index] for index in sorted(worst[:_WORST])}
    return [
        _summary(f"{prefix}/{class_names[index]}", counts)
        for index, counts in curves.items()
    ]


def probabilities(logits: np.ndarray, several_labels: bool) -> np.ndarray:
    """Returns the probability of each class; 0 where it is undefined.

    Args:
        logits: float [N, K].
        several_labels: Whether an image may be of several classes.

    Returns:
        float64 [N, K].
    """
    values = logits.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        if several_labels:
            result = 1 / (1 + np.exp(-values))
        else:
            powers = np.exp(values - values.max(axis=1, keepdims=True))
            result = powers / powers.sum(axis=1, keepdims=True)
    return np.nan_to_num(result, nan=0.0)


def curve(is_positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Counts the predictions of a class at evenly spaced thresholds.

    >>> counts = curve(np.array([True, False]), np.array([0.9, 0.2]))
    >>> counts[:, 50].tolist()
    [1.0, 0.0, 1.0, 0.0, 1.0, 1.0]

    Args:
        is_positive: bool [N], whether an example is of the class.
        scores: float [N], the probability of the class, from 0 to 1.

    Returns:
        float64 [6, thresholds]: true and false positives, true and false negatives,
        precision and recall of the examples with a score of a threshold or more.
    """
    place = (scores * (_THRESHOLDS - 1)).astype(np.int64)
    positives, negatives = (
        # Those of this threshold or more.
        np.bincount(place[chosen], minlength=_THRESHOLDS)[::-1].cumsum()[::-1]
        for chosen in (is_positive, ~is_positive)
    )
    precision = positives / np.maximum(positives + negatives, 1)
    recall = positives / max(positives[0], 1)
    true_negatives, missed = negatives[0] - negatives, positives[0] - positives
    rows = (positives, negatives, true_negatives, missed, precision, recall)
    return np.stack(rows).astype(np.float64)


def _average_precision(counts: np.ndarray) -> float:
    precision, recall = counts[4], np.append(counts[5], 0.0)
    return float(np.sum(precision * (recall[:-1] - recall[1:])))


def _summary(tag: str, counts: np.ndarray) -> Summary:
    about = metadata.create_summary_metadata(
        display_name=tag,
        description="Of the validation images, one class against all others.",
        num_thresholds=_THRESHOLDS,
    )
    tensor = tensor_util.make_tensor_proto(counts.astype(np.float32))
    return Summary(value=[Summary.Value(tag=tag, metadata=about, tensor=tensor)])
