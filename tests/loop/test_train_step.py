"""Tests of framework/loop/train_step.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.loop.objective import MicroBatch
from framework.loop.train_step import Update, train_step


def assert_all_close(actual, expected, **tolerance):
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


def copies(variables):
    return [variable.numpy() for variable in variables]


def test_accumulation_is_the_same_as_none(build, rows_of):
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


def test_the_loss_scale_leaves_no_trace_in_the_update(build, rows_of):
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
