"""Ridge regression in closed form: predicts labels from features alone."""

from __future__ import annotations

import numpy as np

# As a part of the mean variance of the features times their number of examples; of
# untrained features, and of an embedding. Of 2,000 flowers, 1,280 features of
# EfficientNet-Lite0 are right about 67 % with .1, 73 % with 1 and 71 % with 10.
PENALTY, OF_EMBEDDING = 0.1, 1.0


class Ridge:
    """Predictions of each example from the others, for any number of targets at once.

    Args:
        features: float [N, F], about standardised.
        folds: The number of random folds of the cross-validation.
        seed: Of the folds.
        penalty: As a part of the mean variance of the features.
    """

    def __init__(
        self,
        features: np.ndarray,
        folds: int = 5,
        seed: int = 0,
        penalty: float = PENALTY,
    ):
        features = np.asarray(features, np.float32)
        order = np.random.Generator(np.random.PCG64(seed)).permutation(len(features))
        self._folds = [
            (part, smoother(np.delete(features, part, axis=0), features[part], penalty))
            for part in np.array_split(order, min(folds, len(features)))
            if len(part) < len(features)
        ]

    def __call__(self, targets: np.ndarray) -> np.ndarray:
        """Returns the out-of-fold predictions: float [N, T], as `targets`."""
        predictions = np.zeros(targets.shape, np.float32)
        for part, weights in self._folds:
            rest = np.delete(targets, part, axis=0).astype(np.float32)
            mean = rest.mean(axis=0)
            predictions[part] = weights @ (rest - mean) + mean
        return predictions


def out_of_fold(
    features: np.ndarray,
    targets: np.ndarray,
    folds: int = 5,
    seed: int = 0,
    penalty: float = PENALTY,
) -> np.ndarray:
    """Returns the out-of-fold predictions of each example: float32 [N, T].

    The same as `Ridge`, in memory of the order of the features, for many examples.

    Args:
        features: float [N, F], about standardised.
        targets: float [N, T].
        folds: In how many parts the examples are divided, at random.
        seed: Of the division.
        penalty: See `Ridge`.
    """
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(features))
    parts = np.array_split(order, min(folds, len(features)))
    features = np.asarray(features, np.float32)
    targets = np.asarray(targets, np.float32)
    grams = [features[part].T @ features[part] for part in parts]
    products = [features[part].T @ targets[part] for part in parts]
    gram, product = sum(grams), sum(products)
    sums, answers = features.sum(axis=0), targets.sum(axis=0)
    predictions = np.zeros(targets.shape, np.float32)
    for part, own_gram, own_product in zip(parts, grams, products, strict=True):
        count = len(features) - len(part)
        if not count:
            continue
        mean = (sums - features[part].sum(axis=0)) / count
        answer = (answers - targets[part].sum(axis=0)) / count
        centred = gram - own_gram - count * np.outer(mean, mean)
        right = product - own_product - count * np.outer(mean, answer)
        weights = np.linalg.solve(centred + _penalty(centred, penalty), right)
        predictions[part] = (features[part] - mean) @ weights + answer
    return predictions


def predicted(
    known: np.ndarray,
    targets: np.ndarray,
    unknown: np.ndarray,
    penalty: float = PENALTY,
) -> np.ndarray:
    """Returns the predictions for other examples: float [M, T].

    Args:
        known: float [N, F], the features to learn from.
        targets: float [N, T], their targets.
        unknown: float [M, F], those to predict for.
        penalty: See `Ridge`.
    """
    mean = targets.mean(axis=0)
    return smoother(known, unknown, penalty) @ (targets - mean) + mean


def smoother(
    known: np.ndarray, unknown: np.ndarray, penalty: float = PENALTY
) -> np.ndarray:
    """Returns the matrix from centred known targets to predictions: float [M, N].

    Args:
        known: float [N, F], the features to learn from.
        unknown: float [M, F], those to predict for.
        penalty: See `Ridge`.
    """
    mean = known.mean(axis=0)
    known, unknown = known - mean, unknown - mean
    if known.shape[1] <= known.shape[0]:
        gram = known.T @ known
        gram += _penalty(gram, penalty)
        if len(unknown) < len(known):
            # The matrix is symmetric: the same, with fewer columns to solve for.
            return np.linalg.solve(gram, unknown.T).T @ known.T
        return unknown @ np.linalg.solve(gram, known.T)
    gram = known @ known.T
    return np.linalg.solve(gram + _penalty(gram, penalty), known @ unknown.T).T


def _penalty(gram: np.ndarray, penalty: float) -> np.ndarray:
    scale = penalty * gram.trace() / len(gram) + 1e-6
    return (scale * np.eye(len(gram))).astype(gram.dtype)


def one_hot(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns float32 [N, K]."""
    return np.eye(num_classes, dtype=np.float32)[labels]
