"""The components of a small run, built as in `framework.launch`."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework import augment, losses, models, schedules
from framework.augment.normalize import Normalizer, Standard
from framework.config import update_rules
from framework.data.batches import MemoryBatches
from framework.data.dataset import class_counts
from framework.data.feed import OrderedFeed
from framework.data.split import Split
from framework.loop.evaluator import Evaluator
from framework.loop.objective import MicroBatch, Objective
from framework.loop.state import TrainState
from framework.loop.train_loop import TrainLoop
from framework.loop.train_step import Update
from framework.models import freezing, layers
from framework.numerics.draws import Draws
from framework.optim import optimizers
from framework.optim.precision import LossScale
from framework.optim.update_factors import UpdateFactors

SHAPE, CLASSES, BATCH = (8, 8, 3), 3, 8


def _split(count, has_weights, several_labels):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (count, *SHAPE)).astype(np.uint8)
    weights = None
    if has_weights:
        weights = generator.integers(0, 5, count).astype(np.float32) / 2
    labels = np.arange(count, dtype=np.int32) % CLASSES
    if several_labels:
        labels = (generator.random((count, CLASSES)) < 0.4).astype(np.int32)
    return Split(images, labels, weights)


def _factors(model, freeze, lr_scale):
    def steps(rule):
        return rule.until and rule.until.steps(10, 100)

    scales = update_rules.parse_scales(lr_scale)
    plan = freezing.plan(model, update_rules.parse_freeze(freeze), scales, steps)
    variables = model.trainable_variables
    return UpdateFactors(variables, plan.factors, plan.frozen_until)


def _build(
    strategy=None,
    *,
    model="mlp(units=(4,))",
    augmentation="",
    optimizer="sgd",
    rate=0.1,
    schedule="constant",
    examples=20,
    parts=1,
    update=None,
    loss="cross_entropy",
    label_smoothing=0.0,
    loss_scale=False,
    jit=False,
    batches=MemoryBatches,
    seed=0,
    weights=False,
    several_labels=False,
    freeze="",
    lr_scale="",
):
    update = update or Update()
    strategy = strategy or tf.distribute.get_strategy()
    keras.utils.set_random_seed(0)
    split = _split(examples, weights, several_labels)
    with strategy.scope():
        clock = schedules.Clock(100, 10)
        learning_rate = schedules.LearningRate(rate, schedules.build(schedule), clock)
        build = models.build(model) if isinstance(model, str) else model
        network = build(SHAPE, CLASSES)
        models.check(network, SHAPE, CLASSES)
        trained = optimizers.build(optimizer)()
        optimizers.prepare(trained, network.trainable_variables)
        state = TrainState(
            network,
            trained,
            learning_rate,
            update.ema_decay > 0,
            LossScale() if loss_scale else None,
            _factors(network, freeze, lr_scale),
            is_weighted=weights,
        )
        known = {"mean": np.full(3, 128.0), "scale": np.full(3, 1 / 64)}
        scale = Normalizer([Standard()], [known])
    counts = class_counts(split.labels, CLASSES)
    bound = losses.build(loss, label_smoothing, several_labels)(counts)
    objective = Objective(
        network,
        augment.build(augmentation),
        scale,
        BATCH,
        bound,
        losses.kept_fraction(bound),
    )
    source = batches(split, strategy)
    feed = OrderedFeed(source, np.arange(examples), BATCH, seed, parts)
    return types.SimpleNamespace(
        split=split,
        state=state,
        objective=objective,
        update=update,
        feed=feed,
        loop=TrainLoop(state, objective, update, feed, seed, jit),
        evaluator=Evaluator(state, objective, source, 6),
    )


def _normalized(image_shape, num_classes):
    inputs = keras.Input(image_shape)
    features = keras.layers.Conv2D(4, 3, use_bias=False)(inputs)
    features = keras.layers.ReLU()(layers.batch_norm()(features))
    features = keras.layers.Flatten()(features)
    return keras.Model(inputs, keras.layers.Dense(num_classes)(features))


@pytest.fixture
def normalized():
    """Builds a small model with batch norm, for `build`."""
    return _normalized


def _regularized(image_shape, num_classes):
    inputs = keras.Input(image_shape)
    dense = keras.layers.Dense(num_classes, kernel_regularizer="l2")
    return keras.Model(inputs, dense(keras.layers.Flatten()(inputs)))


@pytest.fixture
def regularized():
    """Builds a linear model with a regularization loss: 0.01 times its squares."""
    return _regularized


@pytest.fixture
def build():
    """Builds a run with steps of 8 images of 8x8 pixels and three classes."""
    return _build


def _rows_of(parts, start=0, size=8, real=8):
    """Returns examples of the first batch; those after the first `real` are padding."""
    images = tf.constant(parts.split.images[start : start + size])
    labels = tf.constant(parts.split.labels[start : start + size])
    weights = tf.cast(start + tf.range(size) < real, tf.float32) / real
    draws = Draws(0, tf.constant(0, tf.int64), tf.constant(start, tf.int64), size)
    own = parts.split.weights
    own = None if own is None else tf.constant(own[start : start + size])
    return MicroBatch(images, labels, weights, draws, own)


@pytest.fixture
def rows_of():
    """Returns a micro-batch of the first batch of a run."""
    return _rows_of
