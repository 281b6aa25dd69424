"""Builds what is trained: the network with its optimizer, and the objective."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from framework import augment, losses, models, schedules
from framework.augment import normalize
from framework.config import Config
from framework.data.dataset import Dataset, class_counts
from framework.data.examples import Examples
from framework.errors import UsageError
from framework.launch import initial as initial_lib
from framework.launch.initial import Initial
from framework.loop.objective import Objective
from framework.loop.plan import Plan
from framework.loop.state import TrainState
from framework.losses import compiled_loss
from framework.models import ModelFunction
from framework.optim import optimizers, precision


def build_state(
    config: Config,
    plan: Plan,
    strategy: tf.distribute.Strategy,
    dataset: Dataset,
    model: ModelFunction | keras.Model,
    files: Mapping[str, Path],
) -> tuple[TrainState, Initial]:
    """Builds the training state inside the strategy's scope.

    Args:
        config: The configuration.
        plan: The event schedule.
        strategy: The distribution strategy.
        dataset: The data set.
        model: The network, or a function of an image's shape and the number of classes
            that builds it.
        files: The files of `sources.find`.

    Returns:
        The state, and what the network was built from.

    Raises:
        UsageError: The network does not fit the config or the data set.
    """
    needs_function = strategy.num_replicas_in_sync > 1 or config.precision != "float32"
    if isinstance(model, keras.Model) and needs_function:
        raise UsageError(
            "a built model is bound to one device and one precision; for several "
            "devices or --precision, pass a function that builds it"
        )
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        rate = learning_rate(config, plan.total_steps, plan.steps_per_epoch)
        network = _network(config, dataset, model)
        # Before the moving average of the weights is created from them.
        initial = initial_lib.load(config, network, files)
        factors, lines = initial_lib.update_factors(config, network, plan)
        optimizer = optimizers.build(config.optimizer)()
        optimizers.prepare(optimizer, network.trainable_variables)
        loss_scale = None
        if config.precision == "float16":
            loss_scale = precision.LossScale()
        state = TrainState(
            network,
            optimizer,
            rate,
            config.ema > 0,
            loss_scale,
            factors,
            is_weighted=dataset.train.weights is not None,
        )
    lines = {**initial.lines, **lines}
    return state, dataclasses.replace(initial, lines=lines)


def learning_rate(
    config: Config, total_steps: int, steps_per_epoch: int
) -> schedules.LearningRate:
    """Builds the learning rate of a run, by step.

    Args:
        config: The configuration.
        total_steps: The length of the run, which parts in percent are of.
        steps_per_epoch: Optimizer steps per epoch.

    Raises:
        UsageError: The schedule does not fit the run.
    """
    clock = schedules.Clock(total_steps, steps_per_epoch)
    schedule = schedules.build(config.schedule)
    return schedules.LearningRate(config.learning_rate, schedule, clock)


def build_objective(
    config: Config,
    model: keras.Model,
    examples: Examples,
    strategy: tf.distribute.Strategy,
) -> Objective:
    """Builds the objective; fits the normalization to the training images.

    Args:
        config: The configuration.
        model: The network.
        examples: The examples.
        strategy: The distribution strategy.

    Raises:
        UsageError: Its parts do not fit each other.
    """
    split = examples.train_batches.split
    policy = augment.build(config.augment, of_bytes=split.dtype == np.uint8)
    parts = config.shards or strategy.num_replicas_in_sync * config.accumulate
    divisor = 2 * parts
    if policy and policy.has_mix and config.batch_size % divisor:
        raise UsageError(
            f"--batch_size must be a multiple of {divisor} where --augment mixes "
            f"images in pairs, not {config.batch_size}"
        )
    with strategy.scope():
        scaling = normalize.build(config.normalize, split, examples.train)
    classes = examples.dataset.num_classes
    counts = class_counts(split.labels[examples.train], classes)
    several = examples.dataset.has_several_labels
    loss = losses.build(config.loss, config.label_smoothing, several)(
        counts, len(examples.train)
    )
    kept_fraction = losses.kept_fraction(loss)
    if kept_fraction < 1 and config.accumulate > 1:
        raise UsageError(
            f"--loss={config.loss} compares the losses of the whole batch; leave out "
            f"--accumulate={config.accumulate}"
        )
    if kept_fraction < 1 and config.shards:
        raise UsageError(
            f"--loss={config.loss} compares the losses of the whole batch; leave out "
            f"--shards={config.shards}"
        )
    return Objective(
        model,
        policy,
        scaling,
        config.batch_size,
        loss,
        kept_fraction,
        is_sharded=config.shards > 0,
    )


def _network(
    config: Config, dataset: Dataset, model: ModelFunction | keras.Model
) -> keras.Model:
    """Returns the given model, or builds one; checks that it fits the data set."""
    network = model
    if not isinstance(model, keras.Model):
        if not callable(model):
            raise UsageError(
                f"model must be a keras.Model or a function, not {model!r}"
            )
        with precision.policy(config.precision):
            network = model(dataset.image_shape, dataset.num_classes)
    if isinstance(network, keras.Model):
        compiled_loss.check(network, config.loss, config.label_smoothing)
    models.check(network, dataset.image_shape, dataset.num_classes)
    if config.shards:
        models.require_shardable(network)
    return network
