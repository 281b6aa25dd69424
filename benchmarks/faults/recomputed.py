"""Statistics recomputed by scikit-learn, by SciPy, or by their published formula."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np
from scipy import stats
from sklearn import metrics as sklearn

from framework.numerics.intervals import Estimate

_BINS = 15

# Numbers by their names, by the framework and by someone else.
Pairs = Mapping[str, tuple[float, float]]


def pairs_of(actual: Mapping[str, float], expected: Mapping[str, float]) -> Pairs:
    """Returns pairs of actual and expected numbers; NaN for missing actual ones."""
    return {
        name: (actual.get(name, math.nan), value) for name, value in expected.items()
    }


def three(name: str, actual: Estimate, expected: tuple[float, float, float]) -> Pairs:
    """Returns the three numbers of an interval, by their names."""
    values = (actual.value, actual.low, actual.high)
    parts = ("value", "low", "high")
    return {
        f"{name}, {part}": pair
        for part, pair in zip(parts, zip(values, expected, strict=True), strict=True)
    }


def expected_metrics(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Returns the metrics of an evaluation as scikit-learn and numpy compute them."""
    classes = np.arange(probabilities.shape[1])
    predicted = probabilities.argmax(axis=1)
    own = probabilities[np.arange(len(labels)), labels]
    occurring = np.union1d(labels, predicted)
    metrics = {
        "accuracy": sklearn.accuracy_score(labels, predicted),
        "loss": float(np.mean(-np.log(np.maximum(own, 1e-300)))),
        "balanced_accuracy": float(
            np.mean(sklearn.recall_score(labels, predicted, labels=np.unique(labels),
                                         average=None, zero_division=0))
        ),
        "macro_f1": sklearn.f1_score(
            labels, predicted, labels=occurring, average="macro", zero_division=0
        ),
        "ece": _calibration_error(predicted == labels, probabilities.max(axis=1)),
    }  # fmt: skip
    for name, score in (
        ("recall", sklearn.recall_score),
        ("precision", sklearn.precision_score),
    ):
        values = score(
            labels, predicted, labels=classes, average=None, zero_division=np.nan
        )
        metrics |= {f"{name}/{label}": float(values[label]) for label in classes}
    if len(classes) > 5:
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :5]
        metrics["top5_accuracy"] = float(
            np.mean((order == labels[:, None]).any(axis=1))
        )
    return metrics


def _calibration_error(correct: np.ndarray, confidence: np.ndarray) -> float:
    """Returns Guo's expected calibration error, bin by bin: each is (low, high]."""
    total = 0.0
    for place in range(_BINS):
        inside = np.ceil(confidence * _BINS) == place + 1
        if inside.any():
            gap = abs(np.mean(correct[inside]) - np.mean(confidence[inside]))
            total += inside.mean() * gap
    return total


def wilson(count: int, total: int) -> tuple[float, float, float]:
    """Returns a proportion and its interval by Wilson (1927), from SciPy."""
    interval = stats.binomtest(count, total).proportion_ci(method="wilson")
    return count / total, interval.low, interval.high


def newcombe(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Returns Newcombe's (1998) method 10."""
    (p1, l1, u1), (p2, l2, u2) = first, second
    low = p1 - p2 - math.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2)
    high = p1 - p2 + math.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)
    return p1 - p2, low, high


def agresti_min(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Returns Agresti and Min's (2005) interval: half an example more in each cell."""
    table = [[np.sum((first == a) & (second == b)) + 0.5 for b in (1, 0)]
             for a in (1, 0)]  # fmt: skip
    n, b, c = np.sum(table), table[0][1], table[1][0]
    spread = stats.norm.ppf(0.975) * math.sqrt((b + c) - (b - c) ** 2 / n) / n
    middle = (b - c) / n
    return float(np.mean(first) - np.mean(second)), middle - spread, middle + spread


def mcnemar(fixed: int, broken: int) -> float:
    """Returns the p of the exact test, from the binomial distribution's terms."""
    total = fixed + broken
    tail = sum(math.comb(total, k) for k in range(min(fixed, broken) + 1))
    return min(1.0, 2 * tail / 2**total)


def theil_sen(values: np.ndarray) -> float:
    """Returns the median slope of all pairs."""
    pairs = itertools.combinations(range(len(values)), 2)
    return float(np.median([(values[j] - values[i]) / (j - i) for i, j in pairs]))


def _concordance(values: np.ndarray) -> int:
    pairs = itertools.combinations(values, 2)
    return int(sum(np.sign(later - earlier) for earlier, later in pairs))


def kendall_exact(values: np.ndarray) -> float:
    """Returns the two-sided p over all orders of the values."""
    least = abs(_concordance(values))
    ranks = range(len(values))
    orders = [abs(_concordance(each)) for each in itertools.permutations(ranks)]
    return float(np.mean([each >= least for each in orders]))


def kendall_normal(values: np.ndarray) -> float:
    """Returns the two-sided p of the normal approximation, corrected for ties."""
    n, (_, ties) = len(values), np.unique(values, return_counts=True)
    variance = (
        n * (n - 1) * (2 * n + 5) - np.sum(ties * (ties - 1) * (2 * ties + 5))
    ) / 18
    return math.erfc(abs(_concordance(values)) / math.sqrt(2 * variance))
