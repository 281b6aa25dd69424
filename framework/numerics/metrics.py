"""Metrics of an evaluation, computed from the predictions of its examples."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from framework.numerics import multilabel

# As in Guo et al. (2017), "On Calibration of Modern Neural Networks".
_CALIBRATION_BINS = 15


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """The predictions of a model for each example of a split, in the split's order.

    Where images may have several labels, labels and predicted are [N, K] of 0 and 1,
    confidence is [N, K], that of each decision, rank is None, and losses are the mean
    binary cross-entropy over the classes.

    Attributes:
        labels: int32 [N], the true classes.
        predicted: int32 [N], the classes with the highest logit; the first of ties.
        rank: int32 [N], the number of classes ranked above the true one; 0 is correct,
            and K stands for logits that are not finite. None if unknown.
        confidence: float32 [N], the probability of the predicted class.
        losses: float32 [N], cross-entropy in nats.
        weights: float32 [N], the weights of the examples in the data set; None if all
            count the same.
        logits: float32 [N, K], if a metric needs them; None otherwise. They are not
            stored.
    """

    labels: np.ndarray
    predicted: np.ndarray
    rank: np.ndarray | None
    confidence: np.ndarray
    losses: np.ndarray
    weights: np.ndarray | None = None
    logits: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def has_several_labels(self) -> bool:
        """Whether images may have several labels."""
        return self.labels.ndim == 2

    @property
    def is_correct(self) -> np.ndarray:
        """Whether each prediction is correct, of several labels all: bool [N]."""
        agree: np.ndarray = self.predicted == self.labels
        return np.asarray(agree.all(axis=1)) if self.has_several_labels else agree


def from_log_probabilities(logs: np.ndarray, labels: np.ndarray) -> Predictions:
    """Returns the predictions that log-probabilities make.

    >>> from_log_probabilities(np.log([[0.25, 0.75]]), np.array([0])).rank.tolist()
    [1]

    Args:
        logs: float [N, K].
        labels: int [N], the true classes; others than 0 to K - 1 are ranked last.
    """
    predicted, num_classes = logs.argmax(axis=1), logs.shape[1]
    inside = np.clip(labels, 0, num_classes - 1)
    true = logs[np.arange(len(logs)), inside]
    # Equal outputs rank by their index, as argmax has them.
    earlier = np.arange(num_classes) < labels[:, None]
    ahead = (logs > true[:, None]) | ((logs == true[:, None]) & earlier)
    is_ranked = (inside == labels) & np.isfinite(logs).all(axis=1)
    return Predictions(
        labels.astype(np.int32),
        predicted.astype(np.int32),
        np.where(is_ranked, ahead.sum(axis=1), num_classes).astype(np.int32),
        np.exp(logs.max(axis=1)).astype(np.float32),
        -true.astype(np.float32),
    )


def from_logits(logits: np.ndarray, labels: np.ndarray) -> Predictions:
    """Returns the predictions that logits make where images may have several labels.

    >>> from_logits(np.array([[2.0, -1.0]]), np.array([[1, 1]])).is_correct.tolist()
    [False]

    Args:
        logits: float [N, K].
        labels: int [N, K] of 0 and 1.
    """
    values = logits.astype(np.float64)
    losses = np.logaddexp(0, values) - labels * values
    return Predictions(
        labels=labels.astype(np.int32),
        predicted=(values > 0).astype(np.int32),
        rank=None,
        confidence=(1 / (1 + np.exp(-np.abs(values)))).astype(np.float32),
        losses=losses.mean(axis=1).astype(np.float32),
        logits=logits,
    )


def summarize(predictions: Predictions, class_names: Sequence[str]) -> dict[str, float]:
    """Computes the metrics of an evaluation.

    Args:
        predictions: The predictions of every example once.
        class_names: The names of the classes.

    Returns:
        accuracy, loss, top5_accuracy (with more than five classes and known ranks),
        balanced_accuracy (mean recall of the classes that occur), macro_f1 (over the
        classes that occur or are predicted), ece (expected calibration error),
        recall/<class> and precision/<class> (NaN where undefined). Of examples with
        weights also weighted_accuracy and weighted_loss: the sum of weight times value
        over the sum of weights (NaN if that is 0). For images with several labels see
        `multilabel.summarize`.
    """
    if predictions.has_several_labels:
        return _of_several_labels(predictions, class_names)
    matrix = confusion(predictions, len(class_names))
    true_positives = np.diag(matrix)
    recall = _ratio(true_positives, matrix.sum(axis=1))
    precision = _ratio(true_positives, matrix.sum(axis=0))
    f1 = _ratio(2 * true_positives, matrix.sum(axis=1) + matrix.sum(axis=0))
    correct = predictions.predicted == predictions.labels
    result = {
        "accuracy": float(np.mean(correct)),
        "loss": float(np.mean(predictions.losses, dtype=np.float64)),
        "balanced_accuracy": float(np.nanmean(recall)),
        "macro_f1": float(np.nanmean(f1)),
        "ece": calibration_error(correct, predictions.confidence),
    }
    if len(class_names) > 5 and predictions.rank is not None:
        result["top5_accuracy"] = float(np.mean(predictions.rank < 5))
    if predictions.weights is not None:
        weights = predictions.weights
        result["weighted_accuracy"] = _weighted_mean(correct, weights)
        result["weighted_loss"] = _weighted_mean(predictions.losses, weights)
    for index, name in enumerate(class_names):
        result[f"recall/{name}"] = float(recall[index])
        result[f"precision/{name}"] = float(precision[index])
    return result


def _of_several_labels(
    predictions: Predictions, class_names: Sequence[str]
) -> dict[str, float]:
    """Returns subset_accuracy, loss, their weighted means, and those of the classes."""
    correct, weights = predictions.is_correct, predictions.weights
    result = {
        "subset_accuracy": float(np.mean(correct)),
        "loss": float(np.mean(predictions.losses, dtype=np.float64)),
    }
    if weights is not None:
        result["weighted_subset_accuracy"] = _weighted_mean(correct, weights)
        result["weighted_loss"] = _weighted_mean(predictions.losses, weights)
    scores = predictions.logits
    if scores is None:
        # The probability of each class, which orders examples as logits do.
        is_positive = predictions.predicted > 0
        confidence = predictions.confidence
        scores = np.where(is_positive, confidence, 1 - confidence)
    return result | multilabel.summarize(
        predictions.labels, predictions.predicted, scores, class_names
    )


def direction(name: str) -> float:
    """Returns 1 if more of a metric is better, -1 if less is better, by its name.

    >>> direction("validation/loss"), direction("validation/accuracy")
    (-1.0, 1.0)
    """
    # The third part is a class, as in validation/recall/floss. And ece(bins=10) is ece.
    metric = name.partition("(")[0].split("/")[:2][-1]
    return -1.0 if metric.endswith(("loss", "ece", "error")) else 1.0


def evaluations_since_best(values: npt.ArrayLike, name: str) -> int:
    """Returns how many evaluations are after the best one, for early stopping.

    >>> evaluations_since_best([0.9, 0.4, 0.5, 0.4], "validation/loss")
    2

    Args:
        values: float [n], a metric of one or more evaluations in order; NaN is worst.
        name: The metric's name, which tells whether less is better; see `direction`.
    """
    ranked = direction(name) * np.asarray(values, np.float64)
    best = int(np.argmax(np.nan_to_num(ranked, nan=-np.inf)))
    return len(ranked) - 1 - best


def confusion(predictions: Predictions, num_classes: int) -> np.ndarray:
    """Returns the confusion matrix, int64 [K, K]: rows are true classes."""
    cells = predictions.labels.astype(np.int64) * num_classes + predictions.predicted
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, -1)


def calibration_error(correct: np.ndarray, confidence: np.ndarray) -> float:
    """Returns the expected calibration error over 15 bins (Guo et al., 2017).

    >>> calibration_error(np.array([True, False]), np.array([0.75, 0.75]))
    0.25

    Args:
        correct: bool [N].
        confidence: float [N], from 0 to 1.
    """
    bins = np.ceil(np.nan_to_num(confidence) * _CALIBRATION_BINS).astype(int) - 1
    bins = np.clip(bins, 0, _CALIBRATION_BINS - 1)
    gaps = np.bincount(
        bins, correct.astype(np.float64) - confidence, minlength=_CALIBRATION_BINS
    )
    return float(np.abs(gaps).sum() / len(correct))


def _weighted_mean(values: np.ndarray, weights: np.ndarray) -> float:
    total = np.sum(weights, dtype=np.float64)
    if not total:
        return float("nan")
    return float(np.sum(weights * values.astype(np.float64)) / total)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divides elementwise; NaN where the denominator is 0."""
    is_defined = denominator > 0
    divisor = np.where(is_defined, denominator, 1)
    return np.where(is_defined, numerator / divisor, np.nan)
