"""Tests of framework/loop/evaluator.py."""

import keras
import numpy as np
import pytest

from framework.data.batches import MemoryBatches, StreamBatches
from framework.loop.plan import Pace
from framework.loop.train_step import Update


@pytest.mark.parametrize("kind", [MemoryBatches, StreamBatches])
def test_several_labels_are_evaluated_each(build, kind):
    loss = "binary_cross_entropy"
    parts = build(rate=0.0, loss=loss, several_labels=True, batches=kind)
    labels = parts.split.labels
    logits = parts.state.model(parts.objective.normalize(parts.split.images)).numpy()
    actual = parts.evaluator(np.arange(20))
    np.testing.assert_array_equal(actual.labels, labels)
    np.testing.assert_array_equal(actual.predicted, logits > 0)
    np.testing.assert_allclose(actual.logits, logits, rtol=1e-4, atol=1e-6)
    expected = keras.losses.binary_crossentropy(labels, logits, from_logits=True)
    np.testing.assert_allclose(actual.losses, expected, rtol=1e-4)
    parts.loop(0, 3)
    subset = np.mean((labels == (logits > 0)).all(axis=1))
    truth = {"subset_accuracy": subset, "loss": np.mean(expected)}
    assert parts.loop.take_window() == pytest.approx(truth, rel=1e-4)


@pytest.mark.extended
@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("kind", [MemoryBatches, StreamBatches])
def test_evaluates_each_example_once_in_order(build, kind, replicas, request):
    strategy = request.getfixturevalue("mirrored") if replicas == 2 else None
    parts = build(strategy, batches=kind)
    model, scale = parts.state.model, parts.objective.normalize
    logits = model(scale(parts.split.images)).numpy()
    losses = keras.losses.sparse_categorical_crossentropy(
        parts.split.labels, logits, from_logits=True
    ).numpy()
    # Batches are of six.
    for rows in (np.arange(20), np.array([7, 3, 3, 11]), np.arange(12), np.array([5])):
        actual = parts.evaluator(rows)
        assert len(actual) == len(rows)
        np.testing.assert_array_equal(actual.labels, parts.split.labels[rows])
        np.testing.assert_array_equal(actual.predicted, logits.argmax(axis=1)[rows])
        np.testing.assert_allclose(actual.losses, losses[rows], rtol=1e-4)


@pytest.mark.parametrize("kind", [MemoryBatches, StreamBatches])
def test_an_evaluation_can_be_broken_off_and_leaves_no_trace(build, kind):
    parts = build(batches=kind, update=Update(ema_decay=0.9))
    parts.loop(0, 2)
    before = {name: v.numpy() for name, v in parts.state.variables().items()}
    expected = parts.evaluator(np.arange(20)).losses
    calls = []

    def check():
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    parts.evaluator._pace = Pace(1)
    with pytest.raises(KeyboardInterrupt):
        parts.evaluator(np.arange(20), check)
    for name, variable in parts.state.variables().items():
        np.testing.assert_array_equal(variable.numpy(), before[name], err_msg=name)
    # One call and several calls give the same predictions.
    actual = parts.evaluator(np.arange(20), lambda: calls.append(1)).losses
    np.testing.assert_array_equal(actual, expected)
    assert len(calls) > 4


def test_evaluates_the_average_of_the_weights_and_puts_them_back(build):
    parts = build(update=Update(ema_decay=0.9), rate=0.5)
    first = parts.evaluator(np.arange(20)).losses
    parts.loop(0, 3)
    kept = [weight.numpy() for weight in parts.state.weights]
    averages = [average.numpy() for average in parts.state.ema]
    actual = parts.evaluator(np.arange(20)).losses
    assert not np.allclose(actual, first)
    for value, weight in zip(kept, parts.state.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
    for value, average in zip(averages, parts.state.ema, strict=True):
        np.testing.assert_array_equal(average.numpy(), value)
    # A model with these weights and no average gives the same predictions.
    plain = build()
    for weight, value in zip(plain.state.weights, averages, strict=True):
        weight.assign(value)
    np.testing.assert_allclose(plain.evaluator(np.arange(20)).losses, actual, rtol=1e-5)
