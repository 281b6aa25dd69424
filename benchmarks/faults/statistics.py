"""Compares every statistic of the framework with another computation of it.

    python -m benchmarks.faults.statistics

Metrics are compared with scikit-learn, intervals and tests with SciPy or with what
their papers say, on random and on extreme cases. A run is then trained and diagnosed,
and the numbers in its metrics.jsonl, diagnosis.json and TensorBoard are computed anew
from the probabilities of its model.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import stats
from sklearn import metrics as sklearn

from benchmarks.faults import report
from benchmarks.faults.recomputed import (
    Pairs,
    agresti_min,
    expected_metrics,
    kendall_exact,
    kendall_normal,
    mcnemar,
    newcombe,
    pairs_of,
    theil_sen,
    three,
    wilson,
)
from benchmarks.faults.report import Progress, Tally
from benchmarks.faults.run_statistics import of_a_run
from framework.diagnose.measure import shift
from framework.numerics import intervals, metrics
from framework.numerics.metrics import Predictions

_CASES = 60
# Of numbers that are computed in float32 on the way.
_RELATIVE, _ABSOLUTE = 1e-5, 1e-6


def fuzz(seed: int, number: int | None, only: str) -> list[Tally]:
    """Returns which statistics differ from the other computation."""
    count = _CASES if number is None else number
    kinds: dict[str, Callable[[], list[Pairs]]] = {
        "metrics": lambda: [_of_metrics(_generator(seed, i), i) for i in range(count)],
        "intervals": lambda: [_of_intervals(_generator(seed, i)) for i in range(count)],
        "tests": lambda: [_of_tests(_generator(seed, i)) for i in range(count)],
        "a run": of_a_run,
    }
    return [compared(kind, make()) for kind, make in kinds.items() if only in kind]


def compared(kind: str, cases: list[Pairs]) -> Tally:
    """Counts the numbers that differ from the expected ones."""
    tally = Tally(f"statistics: {kind}")
    progress = Progress(tally.kind, sum(map(len, cases)))
    for place, pairs in enumerate(cases):
        for name, (actual, expected) in pairs.items():
            same = np.isclose(actual, expected, _RELATIVE, _ABSOLUTE, equal_nan=True)
            what = None if same else f"{_family(name)} is not as computed anew"
            tally.add(f"case {place}, {name}: {actual!r}, not {expected!r}", what)
            progress.show(tally)
    return tally


def _family(name: str) -> str:
    """Returns a name without the class or step that it is of."""
    return "/".join(part for part in name.split("/") if not part.isdigit())


def _generator(seed: int, place: int) -> np.random.Generator:
    return np.random.default_rng([seed, place])


def _of_metrics(generator: np.random.Generator, place: int) -> Pairs:
    """Returns an evaluation's metrics of random or extreme logits."""
    classes, count = int(generator.integers(2, 13)), int(generator.integers(1, 2000))
    logits = generator.standard_normal((count, classes)) * generator.uniform(0, 5)
    # Some classes do not occur, or are never predicted.
    shares = generator.dirichlet(np.full(classes, generator.choice([0.1, 1, 100])))
    labels = generator.choice(classes, count, p=shares)
    if place % 4 == 1:
        logits[np.arange(count), labels] += 10
    elif place % 4 == 2:
        logits[:, 0] += 20
    elif place % 4 == 3:
        logits = np.round(logits)
    return _metrics_of(_softmax(logits), labels)


def _metrics_of(probabilities: np.ndarray, labels: np.ndarray) -> Pairs:
    """Returns all metrics of an evaluation, and what scikit-learn computes.

    Args:
        probabilities: [N, K].
        labels: int [N].
    """
    classes = probabilities.shape[1]
    names = [str(label) for label in range(classes)]
    predicted = probabilities.argmax(axis=1)
    own = probabilities[np.arange(len(labels)), labels]
    ahead = (probabilities > own[:, None]).sum(axis=1)
    equal = probabilities == own[:, None]
    # The first of equal classes is predicted.
    rank = ahead + (equal & (np.arange(classes) < labels[:, None])).sum(axis=1)
    confidence = probabilities.max(axis=1)
    losses = -np.log(np.maximum(own, 1e-300))
    actual = metrics.summarize(
        Predictions(
            labels.astype(np.int32),
            predicted.astype(np.int32),
            rank.astype(np.int32),
            confidence,
            losses,
        ),
        names,
    )
    return pairs_of(actual, expected_metrics(probabilities, labels))


def _of_intervals(generator: np.random.Generator) -> Pairs:
    """Returns Wilson's, Newcombe's and Agresti and Min's intervals."""
    totals = generator.integers(1, 5000, 2).tolist()
    counts = [
        int(generator.choice([0, total, generator.integers(total + 1)]))
        for total in totals
    ]
    shares = [intervals.proportion(*each) for each in zip(counts, totals, strict=True)]
    expected = [wilson(*each) for each in zip(counts, totals, strict=True)]
    first, second = (
        generator.uniform(size=totals[0]) < generator.uniform() for _ in range(2)
    )
    z = stats.norm.ppf(0.975)
    share = shares[0].value
    clipped = np.clip(share, 0.5 / totals[0], 1 - 0.5 / totals[0])
    power = (z + stats.norm.ppf(0.8)) * math.sqrt(
        2 * clipped * (1 - clipped) / totals[0]
    )
    return {
        **three("proportion", shares[0], expected[0]),
        **three("difference", intervals.difference(*shares), newcombe(*expected)),
        **three(
            "paired difference",
            intervals.paired_difference(first, second),
            agresti_min(first, second),
        ),
        "detectable": (intervals.detectable(share, totals[0]), power),
    }


def _of_tests(generator: np.random.Generator) -> Pairs:
    """Returns McNemar's, Theil and Sen's, Mann and Kendall's, Mann and Whitney's."""
    fixed, broken = (int(generator.integers(0, 40)) for _ in range(2))
    distinct = generator.permutation(100)[: generator.integers(3, 8)] / 100.0
    tied = generator.integers(0, 4, generator.integers(8, 30)) / 4.0
    scores, sides = generator.integers(0, 9, (2, 50)) / 1.0
    sides = (sides > 4).astype(int)
    sides[:2] = 0, 1
    areas = shift._areas(scores[:, None], sides[:, None])
    return {
        "McNemar's p": (intervals.mcnemar(fixed, broken), mcnemar(fixed, broken)),
        "slope": (intervals.trend(distinct)[0], theil_sen(distinct)),
        "slope of ties": (intervals.trend(tied)[0], theil_sen(tied)),
        "Mann-Kendall's p": (intervals.trend(distinct)[1], kendall_exact(distinct)),
        "Mann-Kendall's p of ties": (intervals.trend(tied)[1], kendall_normal(tied)),
        "area": (float(areas[0]), float(sklearn.roc_auc_score(sides, scores))),
    }


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    report.main(__doc__, fuzz)
