"""What an evaluation says, computed from what was predicted for each example."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

# As in Guo et al. (2017), "On Calibration of Modern Neural Networks".
_CALIBRATION_BINS = 15


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of each example of a split, in the split's order.

    Attributes:
        labels: int32 [N], the true classes.
        predicted: int32 [N], the classes of the highest logit (the first of equals).
        rank: int32 [N], how many classes come before the true one; 0 is correct, and K
            stands for logits that are not finite. None if it is not known.
        confidence: float32 [N], the probability given to the predicted class.
        losses: float32 [N], cross-entropy in nats.
    """

    labels: np.ndarray
    predicted: np.ndarray
    rank: np.ndarray | None
    confidence: np.ndarray
    losses: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def summarize(predictions: Predictions, class_names: Sequence[str]) -> dict[str, float]:
    """Returns the metrics of an evaluation.

    Args:
        predictions: Of every example once.
        class_names: What the classes are called.

    Returns:
        accuracy, loss, top5_accuracy (with more than five classes, and known ranks),
        balanced_accuracy (mean recall of the classes that occur), macro_f1 (over the
        classes that occur or are predicted), ece (expected calibration error),
        recall/<class> and precision/<class> (NaN where undefined).
    """
    matrix = confusion(predictions, len(class_names))
    right = np.diag(matrix)
    recall = _ratio(right, matrix.sum(axis=1))
    precision = _ratio(right, matrix.sum(axis=0))
    f1 = _ratio(2 * right, matrix.sum(axis=1) + matrix.sum(axis=0))
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
    for index, name in enumerate(class_names):
        result[f"recall/{name}"] = float(recall[index])
        result[f"precision/{name}"] = float(precision[index])
    return result


def direction(name: str) -> float:
    """Returns 1 if more of a metric is better, -1 if less is, by its name."""
    # What comes third is a class, as in validation/recall/floss.
    metric = name.split("/")[:2][-1]
    return -1.0 if metric.endswith(("loss", "ece", "error")) else 1.0


def confusion(predictions: Predictions, num_classes: int) -> np.ndarray:
    """Returns int64 [K, K]: how often the class of a row was taken for the column's."""
    cells = predictions.labels.astype(np.int64) * num_classes + predictions.predicted
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, -1)


def calibration_error(correct: np.ndarray, confidence: np.ndarray) -> float:
    """Returns the mean gap of confidence and accuracy over 15 bins (Guo et al., 2017).

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


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Returns the quotients, NaN where the denominator is 0."""
    defined = denominator > 0
    return np.where(defined, numerator / np.where(defined, denominator, 1), np.nan)
