"""What accuracy predictions reach that know nothing of the classes.

Predictions of similar images stand and fall together: of a model that was trained on
permuted labels, one class may be right as a whole by luck. So images are no independent
trials, and an interval of their number is too narrow. Of 24 small convolutional
networks that were trained on permuted labels of digits, balanced accuracy on 359 images
had a standard deviation of .055, where that of independent ones is .016.
"""

from __future__ import annotations

import numpy as np

from framework.diagnose.measure.ridge import one_hot, smoother
from framework.diagnose.measure.samples import Sample

# Chance reaches as much one time in twenty.
LEVEL = 0.05
# Of fewer classes too few renamings differ: 24 of four. Of ten, 1 of 24 networks that
# were trained on permuted labels was above chance; of two, compared with probes, none.
_LEAST_CLASSES = 5
_DRAWS, _PROBES = 999, 199
_NEIGHBOURS = 50


def balanced_accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Returns the mean accuracy of the classes.

    Example:
        >>> balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
        0.5
    """
    recalls = [np.mean(predicted[labels == each] == each) for each in np.unique(labels)]
    return float(np.mean(recalls))


def can_rename(labels: np.ndarray) -> bool:
    """Returns whether there are enough classes for `p_of_renaming`."""
    return len(np.unique(labels)) >= _LEAST_CLASSES


def p_of_renaming(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Returns how often balanced accuracy is as high once classes change their names.

    A model that knows nothing of the classes has no reason to prefer the right names:
    a permutation test that leaves similar images together (Ojala & Garriga, 2010).

    Args:
        labels: int [N].
        predicted: int [N].

    Example:
        >>> labels = np.arange(100) % 10
        >>> p_of_renaming(labels, labels), p_of_renaming(labels, 0 * labels)
        (0.001, 1.0)
    """
    names, rows = np.unique(labels, return_inverse=True)
    counts = np.bincount(rows)
    is_known = np.isin(predicted, names)
    shares = np.zeros((len(names), len(names)))
    columns = np.searchsorted(names, predicted[is_known])
    np.add.at(shares, (rows[is_known], columns), 1)
    shares /= counts[:, None]
    generator = np.random.Generator(np.random.PCG64(0))
    renamed = np.stack([generator.permutation(len(names)) for _ in range(_DRAWS)])
    values = shares[np.arange(len(names)), renamed].sum(axis=1)
    # Sums of the same numbers differ by their order.
    reached = np.sum(values >= shares.trace() - 1e-9)
    return float((1 + reached) / (1 + _DRAWS))


def of_probes(train: Sample, validation: Sample) -> np.ndarray:
    """Returns the balanced accuracies of probes of permuted training labels.

    Args:
        train: What probes are fitted to, with its labels permuted.
        validation: What they predict, with its own labels.

    Returns:
        float64 [2, draws]: of a linear probe, and of 50 nearest neighbours.
    """
    names, labels = np.unique(train.labels, return_inverse=True)
    generator = np.random.Generator(np.random.PCG64(0))
    columns = np.stack([generator.permutation(labels) for _ in range(_PROBES)], axis=1)
    targets = one_hot(columns, len(names)).reshape(len(columns), -1)
    targets = targets - targets.mean(axis=0)
    values = []
    for weights in (
        smoother(train.features, validation.features),
        _nearest(train.features, validation.features),
    ):
        scores = (weights @ targets).reshape(len(validation), _PROBES, len(names))
        predicted = names[scores.argmax(axis=2)]
        values.append(
            [balanced_accuracy(validation.labels, each) for each in predicted.T]
        )
    return np.array(values)


def p_of_probes(accuracies: np.ndarray, accuracy: float) -> float:
    """Returns how often probes are as accurate, by the kind that is so more often.

    Args:
        accuracies: See `of_probes`.
        accuracy: The balanced accuracy to compare with.
    """
    reached = np.sum(accuracies >= accuracy, axis=1).max()
    return float((1 + reached) / (1 + accuracies.shape[1]))


def _nearest(known: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """Returns the weights of the nearest neighbours: float32 [M, N]."""
    count = min(_NEIGHBOURS, len(known))
    distances = (known**2).sum(axis=1) - 2 * unknown @ known.T
    near = np.argpartition(distances, count - 1, axis=1)[:, :count]
    weights = np.zeros((len(unknown), len(known)), np.float32)
    np.put_along_axis(weights, near, 1 / count, axis=1)
    return weights
