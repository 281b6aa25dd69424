"""Tests of framework/losses/per_example.py."""

import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework import losses
from framework.losses import hardest, per_example

B, K = 64, 5
COUNTS = np.array([400, 300, 200, 90, 10])
GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.integers(K, size=B).astype(np.int32)
LOGITS = (4 * GENERATOR.normal(size=(B, K))).astype(np.float32)
CE = keras.losses.CategoricalCrossentropy
FOCAL = keras.losses.CategoricalFocalCrossentropy
BINARY = keras.losses.BinaryCrossentropy


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def probability(logits=LOGITS):
    return np.exp(log_softmax(logits))[np.arange(B), LABELS]


def adjusted(tau):
    log_p = log_softmax(LOGITS + tau * np.log(COUNTS / COUNTS.sum()))
    return -log_p[np.arange(B), LABELS]


def of_keras(loss, *, smoothing=0.0):
    targets = np.eye(K, dtype=np.float32)[LABELS]
    # Keras smooths binary targets towards one half, timm towards 1/K as we do.
    targets = targets * (1 - smoothing) + smoothing / K
    return loss(targets, LOGITS)


OPTIONS = {"from_logits": True, "reduction": None}
BALANCED = COUNTS.sum() / (K * COUNTS)
# A loss, its arguments, and the expected values.
ROWS = [
    ("cross_entropy", {}, of_keras(CE(**OPTIONS))),
    (
        "cross_entropy",
        {"label_smoothing": 0.2},
        of_keras(CE(label_smoothing=0.2, **OPTIONS)),
    ),
    (
        "cross_entropy",
        {"class_weights": (1, 2, 3, 4, 5)},
        of_keras(CE(**OPTIONS)) * (LABELS + 1.0),
    ),
    (
        "cross_entropy",
        {"class_weights": "balanced", "label_smoothing": 0.1},
        of_keras(CE(label_smoothing=0.1, **OPTIONS)) * BALANCED[LABELS],
    ),
    ("focal", {"gamma": 0.0}, of_keras(CE(**OPTIONS))),
    ("focal", {}, of_keras(FOCAL(alpha=1, gamma=2, **OPTIONS))),
    ("focal", {"gamma": 0.5}, -((1 - probability()) ** 0.5) * np.log(probability())),
    ("poly1", {}, 1 - probability() - np.log(probability())),
    ("poly1", {"epsilon": -1.0}, probability() - 1 - np.log(probability())),
    ("logit_adjusted", {}, adjusted(1.0)),
    ("logit_adjusted", {"tau": 0.5}, adjusted(0.5)),
    ("binary_cross_entropy", {}, of_keras(BINARY(**OPTIONS))),
    (
        "binary_cross_entropy",
        {"label_smoothing": 0.1},
        of_keras(BINARY(**OPTIONS), smoothing=0.1),
    ),
    (
        "binary_cross_entropy",
        {"sum_classes": True, "class_weights": "balanced"},
        of_keras(BINARY(**OPTIONS)) * K * BALANCED[LABELS],
    ),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), ROWS)
def test_values(name, arguments, expected):
    function = getattr(per_example, name)
    losses = function(tf.constant(LABELS), tf.constant(LOGITS), COUNTS, **arguments)
    assert losses.dtype == tf.float32
    np.testing.assert_allclose(losses, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "arguments", "expected"), ROWS)
def test_gradients_are_finite_at_any_logits(name, arguments, expected):
    function = getattr(per_example, name)
    labels = tf.constant([0, 1, 2, 3])
    logits = tf.constant(np.eye(4, K, dtype=np.float32)) * [
        [1e4],
        [80.0],
        [-80],
        [-1e4],
    ]
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = function(labels, logits, COUNTS, **arguments)
    assert np.isfinite(losses).all()
    assert np.isfinite(tape.gradient(losses, logits)).all()


def test_balanced_weights_have_mean_one_over_the_training_images():
    """A class without images changes nothing."""
    counts = np.array([30, 10, 0])
    labels, logits = np.repeat([0, 1, 2], counts), np.zeros((40, 3), np.float32)
    losses = per_example.cross_entropy(
        tf.constant(labels), tf.constant(logits), counts, class_weights="balanced"
    )
    np.testing.assert_allclose(losses.numpy().mean(), np.log(3), rtol=1e-6)
    common, rare = losses.numpy()[:30].sum(), losses.numpy()[30:].sum()
    np.testing.assert_allclose(common, rare, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("focal", {"gamma": -1.0}, "gamma must be 0 or more, not -1"),
        ("poly1", {"epsilon": -2.0}, "epsilon must be -1 or more, not -2"),
        ("logit_adjusted", {"tau": -1.0}, "tau must be 0 or more, not -1"),
        ("cross_entropy", {"class_weights": "even"}, "'balanced' or 5 numbers"),
        ("cross_entropy", {"class_weights": (1, 2)}, "5 positive numbers"),
        ("focal", {"class_weights": (1, 2, 3, 4, 0)}, "5 positive numbers"),
    ],
)
def test_wrong_arguments(name, arguments, message):
    function = getattr(per_example, name)
    with pytest.raises(ValueError, match=message):
        function(tf.constant(LABELS), tf.constant(LOGITS), COUNTS, **arguments)


def test_rare_classes_need_counts():
    with pytest.raises(ValueError, match="images of each class"):
        per_example.logit_adjusted(tf.constant(LABELS), tf.constant(LOGITS))


GOLDEN = json.loads(
    (pathlib.Path(__file__).parents[1] / "golden/losses/losses.json").read_text()
)


def golden(text):
    loss = losses.build(text)(np.array(GOLDEN["class_counts"]))
    logits = tf.constant(GOLDEN["logits"], tf.float32)
    return loss(tf.constant(GOLDEN["labels"]), logits).numpy()


@pytest.mark.parametrize("text", GOLDEN["specs"])
def test_golden_numbers_of_torch_and_timm(text):
    expected = GOLDEN["specs"][text]
    np.testing.assert_allclose(golden(text), expected, GOLDEN["rtol"], atol=1e-6)


def test_golden_numbers_of_other_definitions():
    others, plain = GOLDEN["others"], golden("cross_entropy")
    smooth = golden("cross_entropy(label_smoothing=.2)")
    expected = others["timm LabelSmoothingCrossEntropy(.2)"]
    np.testing.assert_allclose(smooth, expected, rtol=1e-5)
    # Two classes with logits (0, z) have the sigmoid of z.
    logits = np.array(GOLDEN["logits"])
    two = np.stack([0 * logits[:, 0], logits[:, 1] - logits[:, 0]], axis=1)
    labels = tf.constant(np.array(GOLDEN["labels"]) % 2, tf.int32)
    focal = per_example.focal(labels, tf.constant(two, tf.float32), gamma=2.0)
    expected = others["torchvision sigmoid_focal_loss(alpha=-1, gamma=2)"]
    np.testing.assert_allclose(focal, expected, rtol=1e-5, atol=1e-7)
    factors = hardest.factors(tf.constant(plain), tf.ones(6, bool), 0.5).numpy()
    mean = others["torch mean of topk(3)"]
    assert np.sum(factors * plain) == pytest.approx(mean, rel=1e-5)
    weighted = np.mean(plain * GOLDEN["example_weights"])
    expected = others["torch sum of weights x cross_entropy / 6"]
    assert weighted == pytest.approx(expected, rel=1e-5)


def test_golden_numbers_of_several_labels():
    loss = losses.build("binary_cross_entropy", 0.0, True)(np.array([1, 1, 1, 1]))
    logits = tf.constant(GOLDEN["logits"], tf.float32)
    targets = tf.constant(GOLDEN["targets"], tf.int32)
    name = "torch binary_cross_entropy_with_logits, several labels"
    np.testing.assert_allclose(loss(targets, logits), GOLDEN["others"][name], 1e-5)
    smooth = per_example.binary_cross_entropy(targets, logits, label_smoothing=0.1)
    expected = keras.losses.binary_crossentropy(
        tf.cast(targets, tf.float32), logits, from_logits=True, label_smoothing=0.1
    )
    np.testing.assert_allclose(smooth, expected, rtol=1e-5)
