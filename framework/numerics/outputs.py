"""Classes and probabilities from a model's outputs, for any kind of head."""

from __future__ import annotations

import numpy as np

# Sums of float32 probabilities are no further from 1.
_SUM_TOLERANCE = 1e-3


def are_probabilities(outputs: np.ndarray) -> bool:
    """Returns whether all rows are from 0 to 1 and sum up to 1.

    Args:
        outputs: float [N, U].
    """
    if outputs.shape[1] < 2 or not np.isfinite(outputs).all():
        return False
    sums = outputs.sum(axis=1)
    return bool(outputs.min() >= 0 and np.abs(sums - 1).max() < _SUM_TOLERANCE)


def are_shares(outputs: np.ndarray) -> bool:
    """Returns whether all outputs are from 0 to 1, as those of a sigmoid."""
    return bool(outputs.min() >= 0 and outputs.max() <= 1)


def predicted(outputs: np.ndarray) -> np.ndarray:
    """Returns the predicted classes: int64 [N].

    Args:
        outputs: float [N, U]; a single output predicts class 1 if it is above a half,
            or, for logits, positive.
    """
    if outputs.shape[1] > 1:
        return outputs.argmax(axis=1)
    middle = 0.5 if are_shares(outputs) else 0.0
    return (outputs[:, 0] > middle).astype(np.int64)


def log_probabilities(outputs: np.ndarray) -> np.ndarray:
    """Returns log-probabilities, float64 [N, K]; K is 2 for a single output.

    Args:
        outputs: float [N, U]: probabilities, sigmoids of each class, or logits.
    """
    values = outputs.astype(np.float64)
    if values.shape[1] == 1:
        if are_shares(outputs):
            values = np.concatenate([1 - values, values], axis=1)
            return np.log(np.clip(values, 1e-12, 1))
        values = np.concatenate([np.zeros_like(values), values], axis=1)
    elif are_shares(outputs):
        values = np.log(np.clip(values, 1e-12, 1))
    # Rows that are not finite become NaN, without a warning.
    with np.errstate(invalid="ignore"):
        values = values - values.max(axis=1, keepdims=True)
        return values - np.log(np.exp(values).sum(axis=1, keepdims=True))
