"""Tests of framework/loop/example_losses.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.loop import example_losses

LABELS = tf.constant([0, 1, 2, 0])
LOGITS = tf.constant([[1.0, 2, 3], [4, 6, 5], [7, 8, 9], [12, 11, 10]])
WEIGHTS = tf.constant([2.0, 0, 1, 4])
OWN = tf.constant([1.0, 0.5, 0.25, 0.75])


def the_logit(labels, logits):
    """The logit of the label, in place of a loss."""
    return tf.gather(logits, labels, batch_dims=1)


def test_without_weights_and_mixing_they_are_those_of_the_loss():
    actual = example_losses.losses(the_logit, LABELS, LOGITS)
    assert actual.losses.numpy().tolist() == [1, 6, 9, 12]
    assert actual.weighted is actual.losses
    assert actual.weights is None


@pytest.mark.parametrize("is_weighted", [False, True])
def test_a_weight_follows_its_own_label_into_both_images(is_weighted):
    weights = WEIGHTS if is_weighted else None
    actual = example_losses.losses(the_logit, LABELS, LOGITS, OWN, weights)
    # Of each image: the logit of its own label, and that of its partner's.
    own, other = np.array([1, 6, 9, 12.0]), np.array([2, 4, 7, 10.0])
    fraction = OWN.numpy()
    plain = fraction * own + (1 - fraction) * other
    np.testing.assert_allclose(actual.losses, plain)
    assert actual.labels.numpy().tolist() == [0, 1, 0, 0]
    if not is_weighted:
        assert actual.weighted is actual.losses
        return
    w, partner = WEIGHTS.numpy(), np.array([0, 2, 4, 1.0])
    expected = fraction * w * own + (1 - fraction) * partner * other
    np.testing.assert_allclose(actual.weighted, expected)
    np.testing.assert_allclose(actual.weights, fraction * w + (1 - fraction) * partner)


def test_sums_leave_out_padding():
    is_example = tf.constant([True, True, False, True])
    examples = example_losses.losses(the_logit, LABELS, LOGITS, None, WEIGHTS)
    actual = example_losses.sums(examples, is_example, LOGITS)
    assert {name: float(value) for name, value in actual.items()} == {
        "examples": 3,
        "correct": 2,
        "loss": 1 + 6 + 12,
        "weight": 6,
        "weighted_correct": 4,
        "weighted_loss": 2 + 48,
    }
    plain = example_losses.losses(the_logit, LABELS, LOGITS)
    assert set(example_losses.sums(plain, is_example, LOGITS)) == {
        "examples",
        "correct",
        "loss",
    }
