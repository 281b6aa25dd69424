"""Tests of framework/losses/__init__.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework import losses
from framework.errors import UsageError

COUNTS = np.array([60, 30, 10])
LABELS = tf.constant([0, 2])
LOGITS = tf.constant([[1.0, 0.0, 2.0], [0.5, 0.0, -1.0]])


def halved(labels, logits, factor=0.5):
    """A user's own loss."""
    return factor * tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def counted(labels, logits, class_counts):
    """One that asks for the number of images of each class."""
    return tf.gather(tf.constant(class_counts, tf.float32), labels)


def scalar(labels, logits):
    return tf.reduce_mean(halved(labels, logits))


def failing(labels, logits):
    raise RuntimeError("no loss today")


@pytest.mark.parametrize("name", losses.LOSSES)
def test_each_member_is_built_and_finite(name):
    loss = losses.build(name)(COUNTS)
    assert loss(LABELS, LOGITS).shape == (2,)
    assert np.isfinite(loss(LABELS, LOGITS)).all()


def test_label_smoothing_is_that_of_the_flag():
    by_flag = losses.build("cross_entropy", 0.1)(COUNTS)
    by_spec = losses.build("cross_entropy(label_smoothing=.1)")(COUNTS)
    np.testing.assert_array_equal(by_flag(LABELS, LOGITS), by_spec(LABELS, LOGITS))


def test_a_loss_of_ones_own():
    plain = losses.build("cross_entropy")(COUNTS)(LABELS, LOGITS)
    own = losses.build(f"{__name__}:halved(factor=.25)")(COUNTS)(LABELS, LOGITS)
    np.testing.assert_allclose(own, plain / 4, rtol=1e-6)


def test_the_images_of_each_class_are_passed_where_they_are_asked_for():
    own = losses.build(f"{__name__}:counted")(COUNTS)(LABELS, LOGITS)
    np.testing.assert_array_equal(own, [60, 10])


@pytest.mark.parametrize(
    ("text", "smoothing", "message"),
    [
        ("focl", 0, "did you mean focal?"),
        ("focal + poly1", 0, "a single name"),
        ("focal(class_counts=(1, 2, 3))", 0, "unexpected keyword.*'class_counts'"),
        ("focal(labels=1)", 0, "unexpected keyword"),
        ("focal", 0.1, "focal has no label smoothing"),
        ("cross_entropy(label_smoothing=.2)", 0.1, "given twice"),
        ("cross_entropy(label_smoothing=1.)", 0, "from 0 to below 1, not 1"),
        (f"{__name__}:COUNTS", 0, "a function or class"),
        ("math:sqrt", 0, r"a function of \(labels, logits"),
    ],
)
def test_wrong_specs(text, smoothing, message):
    with pytest.raises(UsageError, match=message):
        losses.build(text, smoothing)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("focal(gamma=-1.)", "--loss: focal: gamma must be 0 or more"),
        ("cross_entropy(class_weights=(1, 2))", "3 positive numbers, one for each"),
        (f"{__name__}:scalar", r"a float32 loss for each example, \[2\] for 2"),
        (f"{__name__}:failing", "no loss today"),
    ],
)
def test_wrong_arguments_are_found_before_training(text, message):
    with pytest.raises(UsageError, match=message):
        losses.build(text)(COUNTS)


@pytest.mark.parametrize("text", ["cross_entropy", "focal", "ohem", "logit_adjusted"])
def test_a_loss_of_one_label_refuses_several(text):
    with pytest.raises(UsageError, match="use --loss=binary_cross_entropy"):
        losses.build(text, 0.0, several_labels=True)


def test_balanced_weights_of_several_labels_count_the_images():
    text = "binary_cross_entropy(class_weights='balanced', sum_classes=True)"
    bind = losses.build(text, several_labels=True)
    # Of 10 images 2, 5, none and all have the class: weights 4, 1, 1 and 1.
    loss = bind(np.array([2, 5, 0, 10]), 10)
    log2 = np.log(2)
    for labels, expected in (([1, 1, 1, 1], 7), ([0, 0, 0, 0], 4), ([1, 0, 0, 0], 7)):
        value = loss(tf.constant([labels]), tf.zeros([1, 4]))
        np.testing.assert_allclose(value, [expected * log2], rtol=1e-6)


def test_weights_of_several_labels_are_those_of_pytorch():
    # torch.nn.BCEWithLogitsLoss(pos_weight=[2, .5]): -w y log p - (1 - y) log(1 - p).
    text = "binary_cross_entropy(class_weights=(2, .5))"
    loss = losses.build(text, several_labels=True)(np.array([1, 1]), 2)
    logits = np.array([[1.5, -2.0], [-0.3, 0.7]], np.float32)
    labels = np.array([[1, 1], [0, 1]], np.int32)
    p = 1 / (1 + np.exp(-logits.astype(float)))
    each = -np.array([2, 0.5]) * labels * np.log(p) - (1 - labels) * np.log(1 - p)
    value = loss(tf.constant(labels), tf.constant(logits))
    np.testing.assert_allclose(value, each.mean(axis=1), rtol=1e-6)
    bind = losses.build(text.replace("(2, .5)", "(2, 0)"), several_labels=True)
    with pytest.raises(UsageError, match="2 positive numbers"):
        bind(np.array([1, 1]), 2)
