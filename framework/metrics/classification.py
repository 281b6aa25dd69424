"""Metrics of single-label classification, on all examples of a split.

Each takes labels, int32 [N], and logits, float32 [N, K], and returns a number.
"""

from __future__ import annotations

import numpy as np

_AVERAGES = ("macro", "micro", "weighted")
_KAPPA_WEIGHTS = (None, "linear", "quadratic")


def top_k(labels: np.ndarray, logits: np.ndarray, k: int = 5) -> float:
    """Fraction of examples whose label is among the k highest logits.

    Of equal logits, that of the first class is higher, as in `accuracy`. An example
    with logits that are not finite is wrong.

    >>> logits = np.array([[3.0, 2, 1], [3, 2, 1], [3, 2, 1]])
    >>> round(top_k(np.array([0, 1, 2]), logits, k=2), 3)
    0.667

    Args:
        labels: int [N].
        logits: float [N, K].
        k: At least 1.

    Raises:
        ValueError: k is below 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    true = np.take_along_axis(logits, labels[:, np.newaxis], axis=1)
    is_earlier = np.arange(logits.shape[1]) < labels[:, np.newaxis]
    ahead = (logits > true) | ((logits == true) & is_earlier)
    is_finite = np.isfinite(logits).all(axis=1)
    return float(np.mean((ahead.sum(axis=1) < k) & is_finite))


def auc(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean over classes of the area under the ROC curve, one class against the rest.

    By the softmax, over the classes that some but not all examples have; ties count
    half. With two classes it is that of the second class.

    >>> logits = np.array([[2.0, 0], [0, 1], [1, 0], [0, 3]])
    >>> auc(np.array([0, 0, 1, 1]), logits)
    0.75

    Args:
        labels: int [N].
        logits: float [N, K].
    """
    scores = _softmax(logits)
    if not np.isfinite(scores).all():
        return float("nan")
    areas = [
        _area(labels == label, scores[:, label])
        for label in np.unique(labels)
        if not (labels == label).all()
    ]
    return float(np.mean(areas)) if areas else float("nan")


def kappa(labels: np.ndarray, logits: np.ndarray, weights: str | None = None) -> float:
    """Cohen's kappa: agreement of prediction and label beyond chance, 1 at most.

    >>> logits = np.eye(2)[[0, 0, 1, 1, 1]]
    >>> round(kappa(np.array([0, 0, 0, 1, 1]), logits), 3)
    0.615

    Args:
        labels: int [N].
        logits: float [N, K].
        weights: How much a disagreement of ordered classes counts: None (all alike),
            "linear" or "quadratic" in the distance of the class numbers.

    Raises:
        ValueError: There are no such weights.
    """
    if weights not in _KAPPA_WEIGHTS:
        raise ValueError(f"weights must be None, linear or quadratic, not {weights!r}")
    matrix = _confusion(labels, logits)
    expected = np.outer(matrix.sum(axis=1), matrix.sum(axis=0)) / matrix.sum()
    places = np.arange(len(matrix))
    distance = np.abs(places[:, np.newaxis] - places).astype(np.float64)
    if weights is None:
        cost = np.minimum(distance, 1.0)
    else:
        cost = distance if weights == "linear" else distance**2
    by_chance = np.sum(cost * expected)
    return float(1 - np.sum(cost * matrix) / by_chance) if by_chance else float("nan")


def balanced_accuracy(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean recall of the classes that occur.

    >>> balanced_accuracy(np.array([0, 0, 1]), np.eye(2)[[0, 1, 1]])
    0.75
    """
    matrix = _confusion(labels, logits)
    counts = matrix.sum(axis=1)
    return float(np.mean(np.diag(matrix)[counts > 0] / counts[counts > 0]))


def f1(labels: np.ndarray, logits: np.ndarray, average: str = "macro") -> float:
    """F1, the harmonic mean of precision and recall, averaged over classes.

    >>> round(f1(np.array([0, 0, 1]), np.eye(2)[[0, 1, 1]]), 3)
    0.667

    Args:
        labels: int [N].
        logits: float [N, K].
        average: "macro" (mean over the classes that occur or are predicted), "weighted"
            (by the number of examples of each class) or "micro" (of all decisions
            together, which is accuracy).

    Raises:
        ValueError: There is no such average.
    """
    if average not in _AVERAGES:
        known = ", ".join(_AVERAGES)
        raise ValueError(f"average must be one of {known}, not {average!r}")
    matrix = _confusion(labels, logits)
    correct, counts = np.diag(matrix), matrix.sum(axis=1)
    if average == "micro":
        return float(correct.sum() / matrix.sum())
    total = counts + matrix.sum(axis=0)
    is_defined = total > 0
    by_class = 2 * correct[is_defined] / total[is_defined]
    weights = counts[is_defined] if average == "weighted" else None
    return float(np.average(by_class, weights=weights))


def ece(labels: np.ndarray, logits: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error (Guo et al., 2017): confidence against accuracy.

    >>> round(ece(np.array([0, 1]), np.log([[0.75, 0.25], [0.75, 0.25]])), 3)
    0.25

    Args:
        labels: int [N].
        logits: float [N, K].
        bins: The number of bins of equal width, at least 1.

    Raises:
        ValueError: There are no bins.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    confidence = np.nan_to_num(_softmax(logits).max(axis=1))
    correct = (logits.argmax(axis=1) == labels).astype(np.float64)
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(places, correct - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def _softmax(logits: np.ndarray) -> np.ndarray:
    """Returns probabilities, float64 [N, K]; NaN in rows that are not finite."""
    with np.errstate(invalid="ignore"):
        values = logits.astype(np.float64)
        values = np.exp(values - values.max(axis=1, keepdims=True))
        return values / values.sum(axis=1, keepdims=True)


def _area(is_positive: np.ndarray, scores: np.ndarray) -> float:
    """Returns the area under the ROC curve: the Mann-Whitney statistic over pairs."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    # The mean rank of equal scores, from 1.
    ranks = np.cumsum(counts) - (counts - 1) / 2
    positive = int(is_positive.sum())
    least = positive * (positive + 1) / 2
    pairs = positive * (len(scores) - positive)
    return float((ranks[places.reshape(-1)][is_positive].sum() - least) / pairs)


def _confusion(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Returns the confusion matrix, int64 [K, K]: rows are true classes."""
    classes = logits.shape[1]
    cells = labels.astype(np.int64) * classes + logits.argmax(axis=1)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)
