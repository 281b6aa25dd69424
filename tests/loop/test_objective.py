"""Tests of framework/loop/objective.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.loop.objective import MicroBatch


def keras_gradients(parts, loss, real=8):
    """Returns the gradient of a Keras loss, a mean over the batch."""
    images = parts.objective.normalize(parts.split.images[:real])
    with tf.GradientTape() as tape:
        logits = parts.state.model(images, training=True)
        own = parts.split.weights
        value = loss(
            tf.one_hot(parts.split.labels[:real], 3),
            logits,
            sample_weight=None if own is None else own[:real],
        )
    return tape.gradient(value, parts.state.weights)


def assert_all_close(actual, expected, **tolerance):
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.parametrize("real", [8, 5, 1])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_the_gradient_is_that_of_keras_on_the_rows_that_count(
    build, rows_of, real, smoothing
):
    parts = build(label_smoothing=smoothing)
    loss = keras.losses.CategoricalCrossentropy(True, label_smoothing=smoothing)
    actual, sums = parts.objective.gradients(
        rows_of(parts, real=real), parts.state.weights, 1.0
    )
    assert_all_close(actual, keras_gradients(parts, loss, real), rtol=1e-4, atol=1e-6)
    assert int(sums["examples"]) == real
    images = parts.objective.normalize(parts.split.images[:real])
    logits = parts.state.model(images)
    labels = tf.one_hot(parts.split.labels[:real], 3)
    assert float(sums["loss"]) / real == pytest.approx(float(loss(labels, logits)))
    hits = np.argmax(logits, axis=1) == parts.split.labels[:real]
    assert int(sums["correct"]) == hits.sum()


@pytest.mark.parametrize("real", [8, 5])
def test_weights_of_examples_count_as_sample_weights_of_keras(build, rows_of, real):
    parts = build(weights=True)
    actual, sums = parts.objective.gradients(
        rows_of(parts, real=real), parts.state.weights, 1.0
    )
    loss = keras.losses.CategoricalCrossentropy(True)
    assert_all_close(actual, keras_gradients(parts, loss, real), rtol=1e-4, atol=1e-6)
    assert float(sums["weight"]) == parts.split.weights[:real].sum()


@pytest.mark.parametrize(("real", "kept"), [(8, 3), (5, 2)])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_hardest_have_the_gradient_of_their_mean(
    build, rows_of, real, kept, is_weighted
):
    parts = build(loss="ohem(.375)", weights=is_weighted)
    actual, sums = parts.objective.gradients(
        rows_of(parts, real=real), parts.state.weights, 1.0
    )

    def hardest(labels, logits, sample_weight):
        losses = keras.losses.categorical_crossentropy(labels, logits, True)
        if sample_weight is not None:
            losses *= sample_weight
        return tf.reduce_mean(tf.sort(losses, direction="DESCENDING")[:kept])

    expected = keras_gradients(parts, hardest, real)
    assert_all_close(actual, expected, rtol=1e-4, atol=1e-6)
    # The metrics remain those of all images.
    assert int(sums["examples"]) == real


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("augmentation", ["mixup(.7)", "cutmix", "mixup + cutmix"])
def test_labels_are_mixed_as_images_are(build, rows_of, augmentation, smoothing):
    """The gradient is that of Keras on soft labels with weights per image."""
    parts = build(augmentation=augmentation, label_smoothing=smoothing)
    rows = rows_of(parts)
    actual, _ = parts.objective.gradients(rows, parts.state.weights, 1.0)
    images, own = parts.objective.augmented(rows)
    assert len(np.unique(own)) > 4
    labels = tf.one_hot(rows.labels, 3)
    partners = tf.gather(labels, np.arange(8) ^ 1)
    soft = own[:, None] * labels + (1 - own)[:, None] * partners
    loss = keras.losses.CategoricalCrossentropy(True, label_smoothing=smoothing)
    with tf.GradientTape() as tape:
        value = loss(soft, parts.state.model(parts.objective.normalize(images)))
    expected = tape.gradient(value, parts.state.weights)
    assert_all_close(actual, expected, rtol=1e-4, atol=1e-6)


def test_what_fills_up_a_batch_may_be_anything(build, rows_of):
    parts = build()
    rows = rows_of(parts, real=5)
    real = tf.range(8) < 5
    images = tf.where(real[:, None, None, None], rows.images, 255)
    labels = tf.where(real, rows.labels, 0)
    other = MicroBatch(images, labels, rows.example_weights, rows.draws)
    once, sums = parts.objective.gradients(rows, parts.state.weights, 1.0)
    again, others = parts.objective.gradients(other, parts.state.weights, 1.0)
    assert_all_close(again, once, rtol=1e-6)
    assert sums == others


def test_the_loss_scale_multiplies_the_gradient(build, rows_of):
    parts = build()
    rows = rows_of(parts)
    once, sums = parts.objective.gradients(rows, parts.state.weights, 1.0)
    scaled, others = parts.objective.gradients(rows, parts.state.weights, 1024.0)
    assert_all_close(scaled, [1024 * gradient for gradient in once], rtol=1e-5)
    assert sums["loss"] == others["loss"]


def test_a_weight_that_is_not_used_has_gradient_0(build, rows_of):
    def model(image_shape, num_classes):
        inputs = keras.Input(image_shape)
        features = keras.layers.Flatten()(inputs)
        keras.layers.Dense(1)(features)
        unused = keras.layers.Dense(num_classes)
        cut = keras.ops.stop_gradient(unused(features))
        return keras.Model(inputs, cut + keras.layers.Dense(num_classes)(features))

    parts = build(model=model)
    actual, _ = parts.objective.gradients(rows_of(parts), parts.state.weights, 1.0)
    assert [bool(np.any(gradient)) for gradient in actual].count(False) == 2


@pytest.mark.extended
def test_losses_of_layers_count_once_in_any_number_of_parts(
    build, rows_of, regularized
):
    expected = None
    for cuts in (1, 2, 4):
        parts = build(model=regularized)
        size = 8 // cuts
        pieces = [rows_of(parts, index * size, size) for index in range(cuts)]
        actual = [
            parts.objective.gradients(rows, parts.state.weights, 1.0)[0]
            for rows in pieces
        ]
        total = [sum(gradients) for gradients in zip(*actual, strict=True)]
        expected = expected or total
        assert_all_close(total, expected, rtol=1e-5, atol=1e-7)
    parts = build(model=regularized)
    kernel = parts.state.weights[0]
    plain = keras_gradients(parts, keras.losses.CategoricalCrossentropy(True))
    assert_all_close(
        expected, [plain[0] + 0.02 * kernel, plain[1]], rtol=1e-4, atol=1e-6
    )
