"""Tests of frozen weights in training steps: framework/loop/step.py, models/layers.py.

The model has a convolution, a batch norm and a Dense layer, the head.
"""

import numpy as np
import pytest
import tensorflow as tf

from framework.loop.train_step import Update
from framework.models import names
from framework.numerics.draws import Draws, use_draws
from framework.optim import optimizers


def weights_of(parts):
    return {w.name: w.variable.numpy() for w in names.weights(parts.state.model)}


def changed(before, after):
    return {name for name in after if not np.array_equal(before[name], after[name])}


HEAD = {"dense/kernel", "dense/bias"}


def check_frozen_then_trained(parts):
    start = weights_of(parts)
    parts.loop(0, 1)
    parts.loop(1, 2)
    frozen = weights_of(parts)
    assert changed(start, frozen) == HEAD
    parts.loop(3, 2)
    assert changed(frozen, weights_of(parts)) == start.keys()


def test_bits_of_frozen_weights_and_moments_stay(build, normalized):
    parts = build(
        model=normalized, optimizer="adamw", freeze="backbone until 3", parts=2
    )
    check_frozen_then_trained(parts)


@pytest.mark.extended
@pytest.mark.parametrize("loss_scale", [False, True])
@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_bits_of_frozen_weights_stay_with_every_optimizer(
    build, normalized, name, loss_scale
):
    parts = build(
        model=normalized,
        optimizer=f"{name}(weight_decay=.1)",
        rate=0.01,
        freeze="backbone until 3",
        loss_scale=loss_scale,
        update=Update(clip_norm=1.0, ema_decay=0.9, skip=not loss_scale),
    )
    check_frozen_then_trained(parts)


@pytest.mark.parametrize("freeze", ["backbone", "backbone until 100"])
def test_a_frozen_batch_norm_is_in_evaluation_mode(build, normalized, freeze):
    """The head's step is that of a network whose backbone is in evaluation mode."""
    parts = build(model=normalized, rate=1.0, freeze=freeze)
    model, images = parts.state.model, parts.split.images[:4]
    norm = next(w.layer for w in names.weights(model) if "moving_mean" in w.name)
    norm.moving_mean.assign(np.full(4, 0.3))
    zero = tf.constant(0, tf.int64)
    inputs = parts.objective.normalize(images)
    with use_draws(Draws(0, zero, zero, 4)):
        training = model(inputs, training=True)
    np.testing.assert_array_equal(training, model(inputs, training=False))


@pytest.mark.extended
@pytest.mark.parametrize("freeze", ["backbone", "backbone until 2"])
@pytest.mark.parametrize("jit", [False, True])
def test_two_replicas_give_what_one_gives(build, normalized, mirrored, freeze, jit):
    options = {
        "model": normalized,
        "optimizer": "adam(weight_decay=.1)",
        "rate": 0.01,
        "freeze": freeze,
        "lr_scale": "batch: .1, head: 2",
        "update": Update(clip_norm=0.5),
    }
    results = []
    for strategy in (None, None if jit else mirrored):
        parts = build(strategy, **options, jit=jit and bool(results))
        parts.loop(0, 2)
        parts.loop(2, 1)
        parts.loop(3, 2)
        results.append(weights_of(parts))
    for name, value in results[0].items():
        np.testing.assert_allclose(results[1][name], value, rtol=1e-4, atol=1e-5)


def test_the_noise_is_measured_on_what_is_trained(build):
    parts = build(freeze="backbone", lr_scale="head: .5")
    start = weights_of(parts)
    statistics = parts.loop.measured_step(0)
    moved = [weights_of(parts)[name] - start[name] for name in ("dense_1/kernel",)]
    assert np.linalg.norm(moved) <= statistics["update_norm"]
    rate = 0.1 * 0.5
    assert statistics["update_norm"] == pytest.approx(
        rate * statistics["gradient_norm"], rel=1e-4
    )
