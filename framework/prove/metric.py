"""The metric of a proof: a mean over images, so that images can be resampled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from framework.numerics.metrics import Predictions

_ACCURACY = "accuracy"
_RECALL = "recall/"


def judged(monitor: str) -> tuple[str, str]:
    """Returns the metric that judges, and why it is not the monitored one.

    >>> judged("validation/balanced_accuracy")
    ('balanced_accuracy', '')

    Args:
        monitor: The run's --monitor.

    Returns:
        The metric, without the split; and a note, "" if it is the monitored one.
    """
    name = monitor.removeprefix("validation/")
    is_mean = name in (_ACCURACY, "balanced_accuracy", "top5_accuracy")
    if monitor.startswith("validation/") and (is_mean or name.startswith(_RECALL)):
        return name, ""
    return _ACCURACY, (
        f"judged by accuracy: --monitor={monitor} is no fraction of images that a "
        f"point could be the floor of"
    )


def values(
    metric: str, predictions: Predictions, class_names: Sequence[str]
) -> np.ndarray:
    """Returns a value of each image, float64 [N], whose mean is the metric.

    Args:
        metric: From `judged`.
        predictions: Of the images that judge.
        class_names: The names of the classes.
    """
    labels = predictions.labels
    correct = (predictions.predicted == labels).astype(np.float64)
    if metric == "top5_accuracy" and predictions.rank is not None:
        return (predictions.rank < 5).astype(np.float64)
    counts = np.bincount(labels, minlength=len(class_names))
    if metric == "balanced_accuracy":
        weights = len(labels) / (np.count_nonzero(counts) * counts[labels])
        return correct * weights
    if metric.startswith(_RECALL):
        chosen = list(class_names).index(metric.removeprefix(_RECALL))
        return correct * (labels == chosen) * len(labels) / max(counts[chosen], 1)
    return correct
