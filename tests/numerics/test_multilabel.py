"""Tests of framework/numerics/multilabel.py, against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from framework.numerics import metrics, multilabel
from framework.numerics.metrics import Predictions

NAMES = ("cat", "dog", "owl", "none")


def drawn(seed):
    """Returns labels and logits, some of which are equal; no image has the last."""
    generator = np.random.default_rng(seed)
    labels = (generator.random((40, 4)) < 0.4).astype(np.int32)
    labels[:, 3] = 0
    logits = np.round(generator.normal(labels - 0.5, 1), 1).astype(np.float32)
    return labels, logits


@pytest.mark.parametrize("seed", range(5))
def test_metrics_are_those_of_scikit_learn(seed):
    labels, logits = drawn(seed)
    predicted = (logits > 0).astype(np.int32)
    actual = multilabel.summarize(labels, predicted, logits, NAMES)
    precisions = [
        sklearn_metrics.average_precision_score(labels[:, k], logits[:, k])
        for k in range(3)
    ]
    for name, expected in zip(NAMES, precisions, strict=False):
        assert actual[f"average_precision/{name}"] == pytest.approx(expected)
    assert np.isnan(actual["average_precision/none"])
    assert actual["mAP"] == pytest.approx(np.mean(precisions))
    for average in ("macro", "micro"):
        expected = sklearn_metrics.f1_score(labels, predicted, average=average)
        assert actual[f"{average}_f1"] == pytest.approx(expected)
    weights = np.arange(40, dtype=np.float32)
    whole = metrics.summarize(
        Predictions(
            labels=labels,
            predicted=predicted,
            rank=None,
            confidence=1 / (1 + np.exp(-np.abs(logits))),
            losses=np.ones(40, np.float32),
            weights=weights,
        ),
        NAMES,
    )
    assert whole["mAP"] == pytest.approx(actual["mAP"])
    expected = sklearn_metrics.accuracy_score(labels, predicted)
    assert whole["subset_accuracy"] == pytest.approx(expected)
    expected = sklearn_metrics.accuracy_score(labels, predicted, sample_weight=weights)
    assert whole["weighted_subset_accuracy"] == pytest.approx(expected)
    assert "accuracy" not in whole


def test_of_no_label_and_no_number_nothing_is_known():
    nothing = np.zeros((3, 2), np.int32)
    actual = multilabel.summarize(nothing, nothing, nothing, ("a", "b"))
    assert np.isnan(list(actual.values())).all()
    scores = np.array([1.0, np.nan])
    assert np.isnan(multilabel.average_precision(np.array([1, 0]), scores))
