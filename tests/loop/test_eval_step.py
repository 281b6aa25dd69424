"""Tests of framework/loop/eval_step.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.augment.normalize import Normalizer
from framework.loop.eval_step import eval_step


def evaluated(logits, labels):
    """Returns the outputs of `eval_step` for a model with these logits."""
    logits = np.array(logits, np.float32)
    model = keras.Sequential(
        [keras.Input((1, 1, logits.shape[1])), keras.layers.Flatten()]
    )
    actual = eval_step(
        model, Normalizer([], []), logits[:, None, None], tf.constant(labels)
    )
    return {name: value.numpy() for name, value in actual.items()}


@pytest.mark.parametrize(
    ("logits", "label", "predicted", "rank"),
    [
        ([3, 1, 2], 0, 0, 0),
        ([3, 1, 2], 1, 0, 2),
        ([3, 1, 2], 2, 0, 1),
        # Ties: the first class is predicted, and the others rank behind it.
        ([1, 1, 1], 0, 0, 0),
        ([1, 1, 1], 1, 0, 1),
        ([1, 1, 1], 2, 0, 2),
        ([1, 2, 2], 2, 1, 1),
        # A model with NaN logits is never correct.
        ([np.nan, 1, 2], 2, None, 3),
        ([np.nan] * 3, 0, None, 3),
        ([np.inf, 1, 2], 0, None, 3),
        ([1, -np.inf, 2], 2, None, 3),
    ],
)
def test_rank(logits, label, predicted, rank):
    actual = evaluated([logits], [label])
    assert actual["rank"] == [rank]
    assert actual["labels"] == [label]
    if predicted is not None:
        assert actual["predicted"] == [predicted]


def test_evaluation_is_that_of_keras():
    logits = np.random.default_rng(0).normal(0, 3, (50, 7))
    labels = np.arange(50, dtype=np.int32) % 7
    actual = evaluated(logits, labels)
    losses = keras.losses.sparse_categorical_crossentropy(
        labels, tf.constant(logits), from_logits=True
    )
    np.testing.assert_allclose(actual["losses"], losses, rtol=1e-4)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = exponents / exponents.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(actual["confidence"], shares.max(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(actual["predicted"], logits.argmax(axis=1))
    order = np.argsort(-logits, axis=1)
    ranks = [list(row).index(label) for row, label in zip(order, labels, strict=True)]
    np.testing.assert_array_equal(actual["rank"], ranks)
    np.testing.assert_array_equal(actual["predicted"] == labels, actual["rank"] == 0)


def test_evaluation_smooths_no_labels_and_draws_nothing(build):
    parts = build(model="mlp(units=(4,), dropout=.5)", label_smoothing=0.3)
    once, again = (
        eval_step(
            parts.state.model,
            parts.objective.normalize,
            tf.constant(parts.split.images),
            tf.constant(parts.split.labels),
        )["losses"].numpy()
        for _ in range(2)
    )
    np.testing.assert_array_equal(once, again)
    logits = parts.state.model(parts.objective.normalize(parts.split.images))
    losses = keras.losses.sparse_categorical_crossentropy(
        parts.split.labels, logits, from_logits=True
    )
    np.testing.assert_allclose(once, losses, rtol=1e-4)
