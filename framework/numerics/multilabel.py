"""Metrics of images with several labels each, over classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def summarize(
    labels: np.ndarray,
    predicted: np.ndarray,
    scores: np.ndarray,
    class_names: Sequence[str],
) -> dict[str, float]:
    """Computes the metrics of classes.

    Args:
        labels: int [N, K], 0 or 1.
        predicted: int [N, K], 0 or 1.
        scores: float [N, K]; a class is the likelier, the higher its score.
        class_names: The names of the classes.

    Returns:
        mAP (the mean of the average precision of the classes that occur), macro_f1
        (over the classes that occur or are predicted), micro_f1 (of all decisions
        together), and average_precision/<class> (NaN for a class that does not occur).
    """
    precision = [
        average_precision(labels[:, column], scores[:, column])
        for column in range(labels.shape[1])
    ]
    both = np.sum((labels == 1) & (predicted == 1), axis=0)
    total = labels.sum(axis=0) + predicted.sum(axis=0)
    f1 = 2 * both[total > 0] / total[total > 0]
    result = {
        "mAP": _mean(np.array(precision)),
        "macro_f1": _mean(f1),
        "micro_f1": float(2 * both.sum() / total.sum()) if total.any() else np.nan,
    }
    for name, value in zip(class_names, precision, strict=True):
        result[f"average_precision/{name}"] = value
    return result


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Returns the sum of precision times the increase of recall, over all thresholds.

    Equal scores share a threshold, as in scikit-learn's `average_precision_score`.

    >>> average_precision(np.array([1, 0, 1]), np.array([0.9, 0.8, 0.7]))
    0.8333333333333333

    Args:
        labels: int [N], 0 or 1.
        scores: float [N].

    Returns:
        NaN if no example has the label, or a score is not a number.
    """
    if not labels.any() or np.isnan(scores).any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    # The last example of each group of equal scores.
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    found = np.cumsum(labels[order], dtype=np.int64)[ends]
    recall = found / labels.sum()
    return float(np.sum(np.diff(recall, prepend=0.0) * found / (ends + 1)))


def _mean(values: np.ndarray) -> float:
    """Returns the mean of the values that are defined; NaN if none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
