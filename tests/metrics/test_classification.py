"""Tests of framework/metrics/classification.py, against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from framework.metrics import classification


def drawn(classes, seed):
    """Returns labels and logits, some of which are equal."""
    generator = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), generator.integers(classes, size=60)])
    logits = np.round(generator.normal(0, 1, (len(labels), classes)), 1)
    logits[np.arange(len(labels)), labels] += 0.7
    return labels.astype(np.int32), logits.astype(np.float32)


def softmax(logits):
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture(params=[(2, 0), (3, 1), (7, 2)], ids=str)
def data(request):
    return drawn(*request.param)


def test_auc(data):
    labels, logits = data
    scores = softmax(logits)
    one_against_rest = [
        sklearn_metrics.roc_auc_score(labels == label, scores[:, label])
        for label in np.unique(labels)
    ]
    assert classification.auc(labels, logits) == pytest.approx(
        np.mean(one_against_rest)
    )


def test_auc_of_classes_that_do_not_occur(data):
    labels, logits = data
    assert np.isnan(classification.auc(np.zeros_like(labels), logits))
    some = np.minimum(labels, 1)
    assert np.isfinite(classification.auc(some, logits))
    logits[3] = np.nan
    assert np.isnan(classification.auc(labels, logits))


@pytest.mark.parametrize("k", [1, 2, 5, 100])
def test_top_k(data, k):
    labels, logits = data
    order = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    expected = np.mean([label in row for label, row in zip(labels, order, strict=True)])
    assert classification.top_k(labels, logits, k) == pytest.approx(expected)
    logits[:] = np.nan
    assert classification.top_k(labels, logits, k) == 0


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_kappa(data, weights):
    labels, logits = data
    expected = sklearn_metrics.cohen_kappa_score(
        labels, logits.argmax(axis=1), weights=weights
    )
    assert classification.kappa(labels, logits, weights) == pytest.approx(expected)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_f1(data, average):
    labels, logits = data
    predicted = logits.argmax(axis=1)
    expected = sklearn_metrics.f1_score(labels, predicted, average=average)
    assert classification.f1(labels, logits, average) == pytest.approx(expected)


def test_balanced_accuracy(data):
    labels, logits = data
    predicted = logits.argmax(axis=1)
    expected = sklearn_metrics.balanced_accuracy_score(labels, predicted)
    assert classification.balanced_accuracy(labels, logits) == pytest.approx(expected)


def test_ece_of_bins(data):
    labels, logits = data
    confidence, correct = softmax(logits).max(axis=1), logits.argmax(axis=1) == labels
    expected = 0.0
    for low in np.arange(10) / 10:
        inside = (confidence > low) & (confidence <= low + 0.1)
        if inside.any():
            gap = correct[inside].mean() - confidence[inside].mean()
            expected += np.mean(inside) * abs(gap)
    assert classification.ece(labels, logits, 10) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("metric", "argument"),
    [("top_k", 0), ("kappa", "cubic"), ("f1", "binary"), ("ece", 0)],
)
def test_refuses_other_arguments(data, metric, argument):
    with pytest.raises(ValueError, match="must be"):
        getattr(classification, metric)(*data, argument)
