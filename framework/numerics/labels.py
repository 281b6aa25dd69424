"""Labels as they were given: numbers, one column, or a column for each class."""

from __future__ import annotations

import numpy as np


def is_table(given: np.ndarray) -> bool:
    """Returns whether labels have a column for each class."""
    return given.ndim > 1 and given.shape[-1] > 1


def classes(given: np.ndarray) -> np.ndarray:
    """Converts labels to class numbers: int64 [N]; -1 if they are not finite.

    Args:
        given: [N] or [N, 1], rounded towards 0, or [N, K], of which the largest counts.
    """
    given = np.asarray(given)
    if is_table(given):
        rows = np.nan_to_num(given.reshape(len(given), -1))
        return rows.argmax(axis=1).astype(np.int64)
    given = given.reshape(-1)
    if np.issubdtype(given.dtype, np.floating):
        given = np.where(np.isfinite(given), given, -1)
    return given.astype(np.int64)


def like(y: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns labels in the form of others, such as one-hot.

    Args:
        y: The form: [N], [N, 1] or one-hot [N, K].
        labels: int [M].
    """
    if is_table(y):
        return np.eye(y.shape[-1], dtype=y.dtype)[labels]
    return labels.reshape(-1, *y.shape[1:]).astype(y.dtype)


def counts(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns how many examples each class has: int64 [K]; illegal ones are left out.

    Args:
        labels: int [N], or [N, K] of 0 and 1.
        num_classes: K.
    """
    if labels.ndim == 2:
        return labels.sum(axis=0, dtype=np.int64)
    legal = labels[(labels >= 0) & (labels < num_classes)]
    return np.bincount(legal, minlength=num_classes)
