"""Tests of framework/numerics/metrics.py, against scikit-learn."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.numerics.metrics import (
    Predictions,
    calibration_error,
    confusion,
    direction,
    summarize,
)

sklearn = pytest.importorskip("sklearn.metrics")


def predictions(labels, logits):
    """Returns the predictions of logits, computed by NumPy."""
    labels, logits = np.asarray(labels, np.int32), np.asarray(logits, np.float32)
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    probabilities = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    true = logits[np.arange(len(labels)), labels, None]
    is_before = np.arange(logits.shape[1]) < labels[:, None]
    return Predictions(
        labels,
        logits.argmax(axis=1).astype(np.int32),
        ((logits > true) | (logits == true) & is_before).sum(axis=1).astype(np.int32),
        probabilities.max(axis=1).astype(np.float32),
        -np.log(probabilities[np.arange(len(labels)), labels]).astype(np.float32),
    )


def random_logits(seed, num_examples, num_classes, skill=1.0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(num_classes, size=num_examples)
    logits = generator.normal(size=(num_examples, num_classes))
    logits[np.arange(num_examples), labels] += skill
    return labels, logits


def names(count):
    return [f"class-{index}" for index in range(count)]


def check_against_sklearn(labels, logits):
    num_classes = np.shape(logits)[1]
    actual = predictions(labels, logits)
    result = summarize(actual, names(num_classes))
    every, true = list(range(num_classes)), sorted(set(labels))
    predicted = actual.predicted
    expected = {
        "accuracy": sklearn.accuracy_score(labels, predicted),
        "balanced_accuracy": sklearn.recall_score(
            labels, predicted, labels=true, average="macro", zero_division=0.0
        ),
        "macro_f1": sklearn.f1_score(
            labels, predicted, average="macro", zero_division=0.0
        ),
    }
    for kind, score in (
        ("recall", sklearn.recall_score),
        ("precision", sklearn.precision_score),
    ):
        values = score(
            labels, predicted, labels=every, average=None, zero_division=np.nan
        )
        for name, value in zip(names(num_classes), values, strict=True):
            expected[f"{kind}/{name}"] = value
    for name, value in expected.items():
        assert result[name] == pytest.approx(value, abs=1e-12, nan_ok=True), name
    matrix = confusion(actual, num_classes)
    assert matrix.dtype == np.int64
    np.testing.assert_array_equal(
        matrix, sklearn.confusion_matrix(labels, predicted, labels=every)
    )
    return result


@pytest.mark.parametrize("num_classes", [2, 3, 10])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_sklearn(seed, num_classes):
    labels, logits = random_logits(seed, 200, num_classes)
    result = check_against_sklearn(labels, logits)
    assert result["balanced_accuracy"] == pytest.approx(
        sklearn.balanced_accuracy_score(labels, np.argmax(logits, axis=1))
    )
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = sklearn.log_loss(labels, probabilities, labels=range(num_classes))
    assert result["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("num_classes", [6, 10])
def test_top5_agrees_with_sklearn(num_classes):
    labels, logits = random_logits(0, 300, num_classes)
    result = summarize(predictions(labels, logits), names(num_classes))
    expected = sklearn.top_k_accuracy_score(
        labels, logits, k=5, labels=range(num_classes)
    )
    assert 0.5 < result["top5_accuracy"] == pytest.approx(expected)


def test_no_top5_accuracy_with_five_classes():
    labels, logits = random_logits(0, 30, 5)
    assert "top5_accuracy" not in summarize(predictions(labels, logits), names(5))


@given(
    st.integers(2, 6).flatmap(
        lambda count: st.lists(
            st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), min_size=1
        ).map(lambda pairs: (count, pairs))
    )
)
def test_agrees_with_sklearn_for_any_labels(case):
    num_classes, pairs = case
    labels, predicted = zip(*pairs, strict=True)
    with warnings.catch_warnings():
        # With one class it warns that others may be missing.
        warnings.simplefilter("ignore", UserWarning)
        check_against_sklearn(labels, 9.0 * np.eye(num_classes)[list(predicted)])


def test_classes_without_examples_are_ignored():
    result = summarize(predictions([0, 0, 1], np.eye(4)[[0, 1, 1]]), names(4))
    assert result["balanced_accuracy"] == pytest.approx((1 / 2 + 1) / 2)
    assert np.isnan(result["recall/class-2"])
    assert np.isnan(result["precision/class-3"])
    assert (result["recall/class-1"], result["precision/class-1"]) == (1.0, 0.5)


def test_accuracy_matches_the_confusion_matrix_with_nan_logits():
    logits = np.eye(6, dtype=np.float32)[[2, 2, 2]]
    actual = predictions([2, 2, 2], logits)
    # As an evaluation returns them: rank K, and NaN confidence.
    broken = Predictions(
        actual.labels,
        np.array([2, 0, 0], np.int32),
        np.array([0, 6, 6], np.int32),
        np.array([0.9, np.nan, np.nan], np.float32),
        np.array([0.1, np.nan, np.nan], np.float32),
    )
    result = summarize(broken, names(6))
    assert result["accuracy"] == result["top5_accuracy"] == pytest.approx(1 / 3)
    assert np.isnan(result["loss"])
    assert np.isnan(result["ece"])


@pytest.mark.parametrize(
    ("confidence", "correct", "expected"),
    [
        # All in one bin: the difference of means.
        ([0.8] * 10, [1] * 6 + [0] * 4, 0.2),
        ([0.8] * 10, [1] * 8 + [0] * 2, 0.0),
        ([0.78, 0.76], [1, 0], 0.27),
        # In two bins, weighted by their counts; gaps do not cancel.
        ([0.9] * 4 + [0.5] * 6, [1] * 4 + [0] * 6, 0.4 * 0.1 + 0.6 * 0.5),
        # The ends of the range.
        ([1.0], [1], 0.0),
        ([1.0], [0], 1.0),
        ([0.0], [0], 0.0),
        # Bins include their upper end: 3/15 is in the lower bin.
        ([0.2, 0.15], [1, 0], abs(0.2 + 0.15 - 1) / 2),
        ([0.2, 0.21], [1, 0], (0.8 + 0.21) / 2),
    ],
)
def test_calibration_error(confidence, correct, expected):
    actual = calibration_error(np.array(correct, bool), np.array(confidence))
    assert actual == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1))
def test_calibration_error_is_a_mean_gap(pairs):
    confidence, correct = map(np.array, zip(*pairs, strict=True))
    actual = calibration_error(correct, confidence)
    # Between the difference of means and the mean of differences.
    assert actual >= abs(np.mean(correct) - np.mean(confidence)) - 1e-6
    assert actual <= np.mean(np.abs(correct - confidence)) + 1e-6


def test_the_mean_loss_of_many_examples_is_exact():
    count = 200_000
    zeros = np.zeros(count, np.int32)
    actual = Predictions(
        labels=zeros,
        predicted=zeros,
        rank=zeros,
        confidence=np.ones(count, np.float32),
        losses=np.full(count, 0.1, np.float32),
    )
    assert summarize(actual, names(2))["loss"] == float(np.float32(0.1))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("validation/loss", -1), ("train/accuracy", 1), ("validation/recall/loss", 1)],
)
def test_direction(name, expected):
    assert direction(name) == expected
