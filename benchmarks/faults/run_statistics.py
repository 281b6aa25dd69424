"""Compares the statistics of a run and its diagnosis with its model's outputs."""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.faults import same_run
from benchmarks.faults.fork_server import fresh
from benchmarks.faults.inputs import DIAGNOSE
from benchmarks.faults.recomputed import (
    Pairs,
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
from framework import data
from framework.config import Config
from framework.data.dataset import Dataset
from framework.launch.run import Result, run
from framework.numerics.intervals import Estimate

_CONFIG = Config(
    dataset="digits",
    model="mlp(units=(16,))",
    train_for="4ep",
    learning_rate=0.005,
    log_every="7",
)


def of_a_run() -> list[Pairs]:
    """Trains and diagnoses a run; returns its reported and expected statistics."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "run")
        result = run(dataclasses.replace(_CONFIG, workdir=str(folder)), quiet=True)
        outcome = fresh(DIAGNOSE, [f"--workdir={folder}", "--budget=0"], folder, 300)
        if outcome.code not in (0, 3):
            raise RuntimeError(outcome.stderr.decode())
        diagnosis = json.loads((folder / "diagnosis/diagnosis.json").read_text())
        return [
            _of_last_row(result),
            _of_predictions(result, folder),
            _of_diagnosis(result, diagnosis),
            _of_plateau(folder, diagnosis["plateau"]),
            _of_curves(result, folder),
        ]


def _of_last_row(result: Result) -> Pairs:
    """Returns the metrics of the last evaluation, and those of the model's outputs."""
    split = _dataset().validation
    probabilities = result.predict(split.images).astype(np.float64)
    row = {
        name.removeprefix("validation/"): value
        for name, value in result.history.rows[-1].items()
        if name.startswith("validation/")
    }
    return pairs_of(row, expected_metrics(probabilities, split.labels))


def _of_predictions(result: Result, folder: Path) -> Pairs:
    """Returns statistics of the file of predictions, and of the model's outputs."""
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


def _of_diagnosis(result: Result, diagnosis: Mapping) -> Pairs:
    """Returns measurements of a diagnosis, and the values expected of them."""
    dataset = _dataset()
    probabilities = result.predict(dataset.validation.images).astype(np.float64)
    measured = diagnosis["measurements"]
    pairs = {}
    for name, value in expected_metrics(
        probabilities, dataset.validation.labels
    ).items():
        counted = measured["CountedMetrics"]["values"].get(name)
        # JSON has no NaN.
        pairs[f"counted/{name}"] = (math.nan if counted is None else counted, value)
    accuracy = measured["Accuracy"]
    loss = expected_metrics(probabilities, dataset.validation.labels)["loss"]
    pairs["validation/loss"] = (accuracy["validation"]["loss"], loss)
    right = probabilities.argmax(axis=1) == dataset.validation.labels
    shares = {"validation": wilson(right.sum(), len(right))}
    for name in ("train_clean", "train_dev"):
        count, value = accuracy[name]["images"], accuracy[name]["accuracy"]["value"]
        shares[name] = wilson(round(value * count), count)
    for name, expected in shares.items():
        pairs |= _reported(f"{name}/accuracy", accuracy[name]["accuracy"], expected)
    for gap, first, second in (
        ("gap", "train_clean", "validation"),
        ("gap_to_dev", "train_clean", "train_dev"),
        ("gap_from_dev", "train_dev", "validation"),
    ):
        expected = newcombe(shares[first], shares[second])
        pairs |= _reported(gap, accuracy[gap], expected)
    return pairs


def _reported(name: str, value: Mapping, expected: tuple[float, float, float]) -> Pairs:
    return three(name, Estimate(value["value"], *value["interval"]), expected)


def _of_plateau(folder: Path, plateau: Mapping) -> Pairs:
    """Returns the reported plateau statistics, and those of the predictions."""
    right = []
    for path in sorted((folder / "predictions").glob("step-*.npz")):
        with np.load(path) as file:
            right.append(file["predicted"] == file["labels"])
    window = right[-plateau["window"] :]
    accuracies = np.array([each.mean() for each in window])
    first, last = window[0], window[-1]
    ties = len(np.unique(accuracies)) < len(accuracies)
    kendall = kendall_normal if ties else kendall_exact
    return {
        "plateau: evaluations": (plateau["evaluations"], len(right)),
        "plateau: change": (
            plateau["change"],
            theil_sen(accuracies) * (len(window) - 1),
        ),
        "plateau: p": (plateau["p"], kendall(accuracies)),
        "plateau: churn": (plateau["churn"], float(np.mean(first != last))),
        "plateau: p of pairs": (
            plateau["p_pair"],
            mcnemar(int(np.sum(last & ~first)), int(np.sum(first & ~last))),
        ),
    }


def _of_curves(result: Result, folder: Path) -> Pairs:
    """Returns the points of TensorBoard and of metrics.jsonl at the same steps."""
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


def _dataset() -> Dataset:
    return data.build(_CONFIG.dataset)
