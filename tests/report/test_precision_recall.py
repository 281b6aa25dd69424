"""Tests of framework/report/precision_recall.py."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve
from tensorboard.util import tensor_util

from framework.numerics import metrics
from framework.report import precision_recall


def predictions(logits, labels):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    logs = np.log(powers / powers.sum(axis=1, keepdims=True))
    plain = metrics.from_log_probabilities(logs, labels)
    return dataclasses.replace(plain, logits=logits)


def test_a_curve_is_that_of_scikit_learn():
    generator = np.random.default_rng(0)
    # At thresholds that both have.
    scores = generator.integers(0, 101, 500) / 100 + 1e-9
    is_positive = generator.random(500) < scores
    counts = precision_recall.curve(is_positive, scores)
    precision, recall, thresholds = precision_recall_curve(is_positive, scores)
    place = np.round(thresholds * 100).astype(int)
    np.testing.assert_allclose(counts[4, place], precision[:-1])
    np.testing.assert_allclose(counts[5, place], recall[:-1])
    assert set(counts[:4].sum(axis=0)) == {500}


def tags(several, count):
    generator = np.random.default_rng(0)
    names = [f"class {index}" for index in range(count)]
    if several:
        labels = generator.integers(0, 2, (200, count))
        outputs = metrics.from_logits(generator.normal(size=(200, count)), labels)
    else:
        labels = generator.integers(0, count - 1, 200)
        logits = generator.normal(size=(200, count)) + 9 * np.eye(count)[labels]
        # The first two classes cannot be told apart.
        logits[:, :2] = 9 * (labels[:, None] < 2)
        outputs = predictions(logits, labels)
    summaries = precision_recall.summaries(outputs, names, "pr")
    return [summary.value[0].tag for summary in summaries]


@pytest.mark.parametrize("several", [False, True])
def test_each_class_that_occurs_has_a_curve(several):
    assert tags(several, 5) == [f"pr/class {index}" for index in range(4 + several)]


def test_of_many_classes_the_worst_have_one():
    assert len(tags(False, 40)) == 10
    assert {"pr/class 0", "pr/class 1"} <= set(tags(False, 40))


def test_numbers_that_are_not_finite_are_no_error():
    outputs = predictions(np.zeros((3, 2)), np.array([0, 1, 0]))
    logits = np.array([[np.nan, 0.0], [np.inf, 0.0], [1.0, 0.0]])
    outputs = dataclasses.replace(outputs, logits=logits)
    summaries = precision_recall.summaries(outputs, ("cat", "dog"), "pr")
    for summary in summaries:
        assert np.isfinite(tensor_util.make_ndarray(summary.value[0].tensor)).all()
