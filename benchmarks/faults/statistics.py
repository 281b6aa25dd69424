"""Every statistic that the framework reports, beside another computation of it.

    python -m benchmarks.faults.statistics

Metrics are compared with scikit-learn, intervals and tests with SciPy or with what
their papers say, on random and on extreme cases. A run is then trained and diagnosed,
and the numbers in its metrics.jsonl, diagnosis.json and TensorBoard are computed anew
from the probabilities of its model.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn import metrics as sklearn

from benchmarks.faults import report, same_run
from benchmarks.faults.inputs import DIAGNOSE
from benchmarks.faults.nursery import fresh
from benchmarks.faults.report import Progress, Tally
from framework import data, metrics, statistics
from framework.config import Config
from framework.data.dataset import Dataset
from framework.diagnose.data import distribution_shift
from framework.metrics import Predictions
from framework.run import Result, run
from framework.statistics import Estimate

_CASES = 60
# Of numbers that are computed in float32 on the way.
_RELATIVE, _ABSOLUTE = 1e-5, 1e-6
_BINS = 15
_CONFIG = Config(
    dataset="digits",
    model="mlp(units=(16,))",
    train_for="4ep",
    learning_rate=0.005,
    log_every="7",
)

# Numbers by their names, by the framework and by someone else.
Pairs = Mapping[str, tuple[float, float]]


def fuzz(seed: int, number: int | None, only: str) -> list[Tally]:
    """Returns which statistics were not what others compute."""
    count = _CASES if number is None else number
    kinds: dict[str, Callable[[], list[Pairs]]] = {
        "metrics": lambda: [_of_metrics(_generator(seed, i), i) for i in range(count)],
        "intervals": lambda: [_of_intervals(_generator(seed, i)) for i in range(count)],
        "tests": lambda: [_of_tests(_generator(seed, i)) for i in range(count)],
        "a run": _of_a_run,
    }
    return [compared(kind, make()) for kind, make in kinds.items() if only in kind]


def compared(kind: str, cases: list[Pairs]) -> Tally:
    """Counts the numbers that are not what they should be."""
    tally = Tally(f"statistics: {kind}")
    progress = Progress(tally.kind, sum(map(len, cases)))
    for place, pairs in enumerate(cases):
        for name, (found, expected) in pairs.items():
            same = np.isclose(found, expected, _RELATIVE, _ABSOLUTE, equal_nan=True)
            what = None if same else f"{_family(name)} is not as computed anew"
            tally.add(f"case {place}, {name}: {found!r}, not {expected!r}", what)
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
    # The first of equals is what is predicted.
    rank = ahead + (equal & (np.arange(classes) < labels[:, None])).sum(axis=1)
    confidence = probabilities.max(axis=1)
    losses = -np.log(np.maximum(own, 1e-300))
    found = metrics.summarize(
        Predictions(
            *(labels.astype(np.int32), predicted.astype(np.int32)),
            *(rank.astype(np.int32), confidence, losses),
        ),
        names,
    )
    return _pairs(found, _expected(probabilities, labels))


def _pairs(found: Mapping[str, float], expected: Mapping[str, float]) -> Pairs:
    """Returns what is in both; a number that should be there and is not, beside NaN."""
    return {
        name: (found.get(name, math.nan), value) for name, value in expected.items()
    }


def _expected(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Returns the metrics of an evaluation as scikit-learn and numpy compute them."""
    classes = np.arange(probabilities.shape[1])
    predicted = probabilities.argmax(axis=1)
    own = probabilities[np.arange(len(labels)), labels]
    occurring = np.union1d(labels, predicted)
    found = {
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
        found |= {f"{name}/{label}": float(values[label]) for label in classes}
    if len(classes) > 5:
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :5]
        found["top5_accuracy"] = float(np.mean((order == labels[:, None]).any(axis=1)))
    return found


def _calibration_error(correct: np.ndarray, confidence: np.ndarray) -> float:
    """Returns Guo's expected calibration error, bin by bin: each is (low, high]."""
    total = 0.0
    for place in range(_BINS):
        inside = np.ceil(confidence * _BINS) == place + 1
        if inside.any():
            gap = abs(np.mean(correct[inside]) - np.mean(confidence[inside]))
            total += inside.mean() * gap
    return total


def _of_intervals(generator: np.random.Generator) -> Pairs:
    """Returns Wilson's, Newcombe's and Agresti and Min's intervals."""
    totals = generator.integers(1, 5000, 2).tolist()
    counts = [
        int(generator.choice([0, total, generator.integers(total + 1)]))
        for total in totals
    ]
    shares = [statistics.proportion(*each) for each in zip(counts, totals, strict=True)]
    wilson = [_wilson(*each) for each in zip(counts, totals, strict=True)]
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
        **_three("proportion", shares[0], wilson[0]),
        **_three("difference", statistics.difference(*shares), _newcombe(*wilson)),
        **_three(
            "paired difference",
            statistics.paired_difference(first, second),
            _agresti_min(first, second),
        ),
        "detectable": (statistics.detectable(share, totals[0]), power),
    }


def _three(name: str, found: Estimate, expected: tuple[float, float, float]) -> Pairs:
    values = (found.value, found.low, found.high)
    parts = ("value", "low", "high")
    return {
        f"{name}, {part}": pair
        for part, pair in zip(parts, zip(values, expected, strict=True), strict=True)
    }


def _wilson(count: int, total: int) -> tuple[float, float, float]:
    interval = stats.binomtest(count, total).proportion_ci(method="wilson")
    return count / total, interval.low, interval.high


def _newcombe(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Returns Newcombe's (1998) method 10."""
    (p1, l1, u1), (p2, l2, u2) = first, second
    low = p1 - p2 - math.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2)
    high = p1 - p2 + math.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)
    return p1 - p2, low, high


def _agresti_min(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Returns Agresti and Min's (2005) interval: half an example more in each cell."""
    table = [[np.sum((first == a) & (second == b)) + 0.5 for b in (1, 0)]
             for a in (1, 0)]  # fmt: skip
    n, b, c = np.sum(table), table[0][1], table[1][0]
    spread = stats.norm.ppf(0.975) * math.sqrt((b + c) - (b - c) ** 2 / n) / n
    middle = (b - c) / n
    return float(np.mean(first) - np.mean(second)), middle - spread, middle + spread


def _of_tests(generator: np.random.Generator) -> Pairs:
    """Returns McNemar's, Theil and Sen's, Mann and Kendall's, Mann and Whitney's."""
    fixed, broken = (int(generator.integers(0, 40)) for _ in range(2))
    distinct = generator.permutation(100)[: generator.integers(3, 8)] / 100.0
    tied = generator.integers(0, 4, generator.integers(8, 30)) / 4.0
    scores, sides = generator.integers(0, 9, (2, 50)) / 1.0
    sides = (sides > 4).astype(int)
    sides[:2] = 0, 1
    areas = distribution_shift._areas(scores[:, None], sides[:, None])
    return {
        "McNemar's p": (statistics.mcnemar(fixed, broken), _mcnemar(fixed, broken)),
        "slope": (statistics.trend(distinct)[0], _theil_sen(distinct)),
        "slope of ties": (statistics.trend(tied)[0], _theil_sen(tied)),
        "Mann-Kendall's p": (statistics.trend(distinct)[1], _kendall_exact(distinct)),
        "Mann-Kendall's p of ties": (statistics.trend(tied)[1], _kendall_normal(tied)),
        "area": (float(areas[0]), float(sklearn.roc_auc_score(sides, scores))),
    }


def _mcnemar(fixed: int, broken: int) -> float:
    """Returns the p of the exact test, from the binomial distribution's terms."""
    total = fixed + broken
    tail = sum(math.comb(total, k) for k in range(min(fixed, broken) + 1))
    return min(1.0, 2 * tail / 2**total)


def _theil_sen(values: np.ndarray) -> float:
    pairs = itertools.combinations(range(len(values)), 2)
    return float(np.median([(values[j] - values[i]) / (j - i) for i, j in pairs]))


def _concordance(values: np.ndarray) -> int:
    pairs = itertools.combinations(values, 2)
    return int(sum(np.sign(later - earlier) for earlier, later in pairs))


def _kendall_exact(values: np.ndarray) -> float:
    """Returns the two-sided p over all orders of the values."""
    least = abs(_concordance(values))
    ranks = range(len(values))
    orders = [abs(_concordance(each)) for each in itertools.permutations(ranks)]
    return float(np.mean([each >= least for each in orders]))


def _kendall_normal(values: np.ndarray) -> float:
    """Returns the two-sided p of the normal approximation, corrected for ties."""
    n, (_, ties) = len(values), np.unique(values, return_counts=True)
    variance = (
        n * (n - 1) * (2 * n + 5) - np.sum(ties * (ties - 1) * (2 * ties + 5))
    ) / 18
    return math.erfc(abs(_concordance(values)) / math.sqrt(2 * variance))


def _of_a_run() -> list[Pairs]:
    """Returns what a run and its diagnosis report."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "run")
        result = run(dataclasses.replace(_CONFIG, workdir=str(folder)), quiet=True)
        found = fresh(DIAGNOSE, [f"--workdir={folder}", "--budget=0"], folder, 300)
        if found.code not in (0, 3):
            raise RuntimeError(found.stderr.decode())
        said = json.loads((folder / "diagnosis/diagnosis.json").read_text())
        return [
            _of_last_row(result),
            _of_predictions(result, folder),
            _of_diagnosis(result, said),
            _of_gate(folder, said["gate"]),
            _of_curves(result, folder),
        ]


def _of_last_row(result: Result) -> Pairs:
    """Returns the last evaluation's metrics, and what the model's outputs give."""
    split = _dataset().validation
    probabilities = result.predict(split.images).astype(np.float64)
    row = {
        name.removeprefix("validation/"): value
        for name, value in result.history.rows[-1].items()
        if name.startswith("validation/")
    }
    return _pairs(row, _expected(probabilities, split.labels))


def _of_predictions(result: Result, folder: Path) -> Pairs:
    """Returns what the file of predictions holds, and what the model's outputs give."""
    split = _dataset().validation
    probabilities = result.predict(split.images).astype(np.float64)
    own = probabilities[np.arange(len(split)), split.labels]
    with np.load(max((folder / "predictions").glob("step-*.npz"))) as file:
        return {
            "images predicted alike": (
                float(np.sum(file["predicted"] == probabilities.argmax(axis=1))),
                float(len(split)),
            ),
            "labels": (float(np.sum(file["labels"] == split.labels)), len(split)),
            "confidence": (
                float(np.abs(file["confidence"] - probabilities.max(axis=1)).max()),
                0.0,
            ),
            "losses": (float(np.abs(file["losses"] + np.log(own)).max()), 0.0),
        }


def _of_diagnosis(result: Result, said: Mapping) -> Pairs:
    """Returns the measurements of a diagnosis, and what the outputs or SciPy give."""
    dataset = _dataset()
    probabilities = result.predict(dataset.validation.images).astype(np.float64)
    measured = said["measurements"]
    pairs = {}
    for name, value in _expected(probabilities, dataset.validation.labels).items():
        found = measured.get(f"counted/{name}")
        # JSON has no NaN.
        pairs[f"counted/{name}"] = (math.nan if found is None else found, value)
    right = probabilities.argmax(axis=1) == dataset.validation.labels
    pairs |= _reported(
        measured, "validation/accuracy", _wilson(right.sum(), len(right))
    )
    pairs["validation/loss"] = (
        measured["validation/loss"],
        _expected(probabilities, dataset.validation.labels)["loss"],
    )
    shares = {}
    for name in ("clean", "dev", "validation"):
        count, value = measured[f"{name}/images"], measured[f"{name}/accuracy"]["value"]
        shares[name] = _wilson(round(value * count), count)
        pairs |= _reported(measured, f"{name}/accuracy", shares[name])
    for first, second in (
        ("clean", "validation"),
        ("clean", "dev"),
        ("dev", "validation"),
    ):
        expected = _newcombe(shares[first], shares[second])
        pairs |= _reported(measured, f"gap/{first}_{second}", expected)
    return pairs


def _reported(
    measured: Mapping, name: str, expected: tuple[float, float, float]
) -> Pairs:
    value = measured[name]
    return _three(name, Estimate(value["value"], *value["interval"]), expected)


def _of_gate(folder: Path, gate: Mapping) -> Pairs:
    """Returns what a diagnosis says of the curve, and what its points give."""
    right = []
    for path in sorted((folder / "predictions").glob("step-*.npz")):
        with np.load(path) as file:
            right.append(file["predicted"] == file["labels"])
    window = right[-gate["window"] :]
    accuracies = np.array([each.mean() for each in window])
    first, last = window[0], window[-1]
    ties = len(np.unique(accuracies)) < len(accuracies)
    kendall = _kendall_normal if ties else _kendall_exact
    return {
        "gate: evaluations": (gate["evaluations"], len(right)),
        "gate: change": (gate["change"], _theil_sen(accuracies) * (len(window) - 1)),
        "gate: p": (gate["p"], kendall(accuracies)),
        "gate: churn": (gate["churn"], float(np.mean(first != last))),
        "gate: p of pairs": (
            gate["p_pair"],
            _mcnemar(int(np.sum(last & ~first)), int(np.sum(first & ~last))),
        ),
    }


def _of_curves(result: Result, folder: Path) -> Pairs:
    """Returns what TensorBoard and metrics.jsonl say of the same steps."""
    rows = {row["step"]: row for row in result.history.rows}
    pairs = {}
    for tag, points in same_run.curves(folder).items():
        for step, value in points:
            part, _, rest = tag.partition("/")
            name = "learning_rate" if rest == "learning_rate" else tag
            if rest.endswith(("_clean", "_dev")):
                name = "train_{1}/{0}".format(*rest.rsplit("_", 1))
            if step in rows and name in rows[step] and part in ("train", "validation"):
                pairs[f"{tag}/{step}"] = (value, rows[step][name])
    return pairs


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _dataset() -> Dataset:
    return data.build(_CONFIG.dataset)


if __name__ == "__main__":
    report.main(__doc__, fuzz)
