"""Tests of framework/loop/step.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.augment.normalize import Normalizer
from framework.loop.step import MicroBatch, Update, eval_step, train_step
from framework.numerics.draws import Draws


def rows_of(parts, start=0, size=8, real=8):
    """Returns examples of the first batch; those after the first `real` are padding."""
    images = tf.constant(parts.split.images[start : start + size])
    labels = tf.constant(parts.split.labels[start : start + size])
    weights = tf.cast(start + tf.range(size) < real, tf.float32) / real
    draws = Draws(0, tf.constant(0, tf.int64), tf.constant(start, tf.int64), size)
    own = parts.split.weights
    own = None if own is None else tf.constant(own[start : start + size])
    return MicroBatch(images, labels, weights, draws, own)


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


def copies(variables):
    return [variable.numpy() for variable in variables]


@pytest.mark.parametrize("real", [8, 5, 1])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_the_gradient_is_that_of_keras_on_the_rows_that_count(build, real, smoothing):
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
def test_weights_of_examples_count_as_sample_weights_of_keras(build, real):
    parts = build(weights=True)
    actual, sums = parts.objective.gradients(
        rows_of(parts, real=real), parts.state.weights, 1.0
    )
    loss = keras.losses.CategoricalCrossentropy(True)
    assert_all_close(actual, keras_gradients(parts, loss, real), rtol=1e-4, atol=1e-6)
    assert float(sums["weight"]) == parts.split.weights[:real].sum()


@pytest.mark.parametrize(("real", "kept"), [(8, 3), (5, 2)])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_hardest_have_the_gradient_of_their_mean(build, real, kept, is_weighted):
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
def test_labels_are_mixed_as_images_are(build, augmentation, smoothing):
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


def test_what_fills_up_a_batch_may_be_anything(build):
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


def test_the_loss_scale_multiplies_the_gradient(build):
    parts = build()
    rows = rows_of(parts)
    once, sums = parts.objective.gradients(rows, parts.state.weights, 1.0)
    scaled, others = parts.objective.gradients(rows, parts.state.weights, 1024.0)
    assert_all_close(scaled, [1024 * gradient for gradient in once], rtol=1e-5)
    assert sums["loss"] == others["loss"]


def test_a_weight_that_is_not_used_has_gradient_0(build):
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
def test_losses_of_layers_count_once_in_any_number_of_parts(build, regularized):
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


def test_accumulation_is_the_same_as_none(build):
    weights = []
    for cuts in (1, 2, 4):
        parts = build(optimizer="sgd(momentum=.9)")
        size = 8 // cuts
        pieces = [rows_of(parts, index * size, size, 7) for index in range(cuts)]
        for step in range(3):
            sums, _ = train_step(
                parts.state,
                parts.objective.gradients,
                pieces,
                parts.update,
                tf.constant(step, tf.int64),
            )
            assert int(sums["examples"]) == 7
        weights.append(copies(parts.state.weights))
    assert_all_close(weights[1], weights[0], rtol=1e-5, atol=1e-7)
    assert_all_close(weights[2], weights[0], rtol=1e-5, atol=1e-7)


def fake(gradients):
    """Returns a substitute for `Objective.gradients`."""

    def gradients_of(rows, weights, scale):
        actual = [scale * gradient for gradient in gradients(weights)]
        return actual, {"examples": tf.constant(1)}

    return gradients_of


def one_step(parts, strategy, gradients, step=0, probe=False):
    """Does a step on each replica; returns the statistics of each."""

    labels = tf.zeros([3], tf.int32)
    rows = MicroBatch(images=None, labels=labels, example_weights=None, draws=None)

    def replica_step(step):
        return train_step(
            parts.state, fake(gradients), [rows], parts.update, step, probe
        )[1]

    compiled = tf.function(
        lambda step: strategy.run(replica_step, (step,)), autograph=False
    )
    return compiled(tf.constant(step, tf.int64))


def replica():
    context = tf.distribute.get_replica_context()
    return tf.cast(context.replica_id_in_sync_group, tf.float32)


def test_clips_what_all_replicas_have_found_together(build, mirrored):
    def gradients(weights):
        # Norms 3 and 4 along two different weights.
        shares = [3.0 * (1.0 - replica()), 4.0 * replica()]
        first = tf.stack([*shares, *[0.0] * (weights[0].shape[0] - 2)])
        first = tf.stack([first] + [0 * first] * (weights[0].shape[1] - 1), axis=1)
        return [first, *(tf.zeros_like(weight) for weight in weights[1:])]

    parts = build(mirrored, update=Update(clip_norm=1.0), rate=1.0)
    with mirrored.scope():
        parts.state.optimizer.learning_rate.assign(1.0)
    before = copies(parts.state.weights)
    one_step(parts, mirrored, gradients)
    moved = before[0] - parts.state.weights[0].numpy()
    np.testing.assert_allclose(moved[:2, 0], [0.6, 0.8], rtol=1e-5)
    assert np.count_nonzero(moved) == 2


@pytest.mark.parametrize("kind", ["one", "two"])
def test_a_gradient_within_the_norm_is_not_stretched(build, kind, request):
    strategy = (
        request.getfixturevalue("mirrored")
        if kind == "two"
        else tf.distribute.get_strategy()
    )
    parts = build(strategy, update=Update(clip_norm=1e3))
    parts.state.optimizer.learning_rate.assign(1.0)
    before = copies(parts.state.weights)

    def gradients(weights):
        return [tf.ones_like(weight) for weight in weights]

    one_step(parts, strategy, gradients)
    for old, new in zip(before, parts.state.weights, strict=True):
        expected = old - strategy.num_replicas_in_sync
        np.testing.assert_allclose(new.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.extended
@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.parametrize("optimizer", ["sgd(momentum=.9)", "adam"])
def test_overflow_on_one_replica_leaves_the_weights_of_both(
    build, mirrored, bad, optimizer
):
    parts = build(mirrored, optimizer=optimizer, loss_scale=True)

    def good(weights):
        return [tf.ones_like(weight) for weight in weights]

    def gradients(weights):
        # On the second replica only, and in one weight of many.
        corrupted = tf.where(replica() == 1.0, bad, 1.0)
        return [*good(weights[:-1]), tf.fill(weights[-1].shape, corrupted)]

    def everything():
        variables = parts.state.model.variables + parts.state.optimizer.variables
        return [
            [local.numpy() for local in mirrored.experimental_local_results(v.value)]
            for v in variables
        ]

    one_step(parts, mirrored, good)
    before, scale = everything(), float(parts.state.loss_scale.scale.numpy())
    one_step(parts, mirrored, gradients, 1)
    for old, new in zip(before, everything(), strict=True):
        np.testing.assert_array_equal(new, old)
    scales = mirrored.experimental_local_results(parts.state.loss_scale.scale)
    assert [float(value.numpy()) for value in scales] == [scale / 2] * 2
    one_step(parts, mirrored, good, 2)
    changed = [not np.array_equal(*x) for x in zip(before, everything(), strict=True)]
    assert sum(changed) >= len(parts.state.weights)


def test_the_loss_scale_leaves_no_trace_in_the_update(build):
    moved = []
    for loss_scale in (False, True):
        parts = build(loss_scale=loss_scale, optimizer="adam", update=Update(1.0))
        for step in range(3):
            train_step(
                parts.state,
                parts.objective.gradients,
                [rows_of(parts)],
                parts.update,
                tf.constant(step, tf.int64),
            )
        moved.append(copies(parts.state.weights))
    # The scale is a power of 2.
    assert_all_close(moved[1], moved[0], rtol=1e-6)


def test_the_average_of_the_weights(build):
    parts = build(update=Update(ema_decay=0.5))
    parts.state.optimizer.learning_rate.assign(1.0)
    weight = parts.state.weights[0].numpy()
    average = weight.copy()

    def ones(weights):
        return [tf.ones_like(weight) for weight in weights]

    for step in range(12):
        one_step(parts, tf.distribute.get_strategy(), ones, step)
        weight = weight - 1
        # As tf.train.ExponentialMovingAverage with num_updates.
        decay = min(0.5, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * weight
        np.testing.assert_allclose(parts.state.ema[0].numpy(), average, rtol=1e-5)
    np.testing.assert_allclose(parts.state.weights[0].numpy(), weight, rtol=1e-5)


@pytest.mark.parametrize("loss_scale", [False, True])
def test_a_probe_measures_the_step_before_it_is_clipped(build, loss_scale):
    parts = build(update=Update(clip_norm=0.5), loss_scale=loss_scale)
    parts.state.optimizer.learning_rate.assign(0.2)

    def first(weights):
        rest = [tf.zeros_like(weight) for weight in weights[1:]]
        return [tf.ones_like(weights[0]), *rest]

    actual = one_step(parts, tf.distribute.get_strategy(), first, probe=True)
    size = float(tf.linalg.global_norm(parts.state.weights))
    count = parts.state.weights[0].numpy().size
    assert float(actual["gradient_norm"]) == pytest.approx(count**0.5)
    assert float(actual["update_norm"]) == pytest.approx(0.2 * 0.5, rel=1e-3)
    assert float(actual["weight_norm"]) == pytest.approx(size)


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
