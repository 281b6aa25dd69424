"""Puts a run together from its config: the one place where all parts meet.

Nothing below reads a config: each value is taken out here once, and handed to the part
that it belongs to.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from framework import (
    augment,
    data,
    distribute,
    models,
    optimizers,
    precision,
    random,
    schedules,
    workdir,
)
from framework.augment import normalize
from framework.config import Config
from framework.data.batches import Batches, MemoryBatches, StreamBatches, fits_memory
from framework.data.dataset import Dataset, Split, stratified_split
from framework.data.feed import Feed
from framework.durations import Duration
from framework.errors import UsageError
from framework.history import History
from framework.loop.checkpoint import Checkpoints
from framework.loop.plan import Plan
from framework.loop.state import TrainState
from framework.loop.step import Objective, Update
from framework.loop.steps import Evaluator, TrainLoop
from framework.loop.train import metric_names, train
from framework.metrics import Predictions
from framework.report import Reports, console
from framework.report.files import Files
from framework.report.tensorboard import TensorBoard

ModelFunction = Callable[[tuple[int, int, int], int], "keras.Model"]

# So many training images are also evaluated as validation images are.
_CLEAN_IMAGES = 5_000
# At least so many images are evaluated at once: there are no gradients to hold.
_EVALUATION_BATCH = 256
# TensorBoard shows so many training images, each with so many draws.
_SAMPLES, _SAMPLE_DRAWS = 4, 8


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What a run leaves behind in memory.

    Attributes:
        history: The metrics of each evaluation.
        model: From normalised images to logits, after the last step.
    """

    history: History
    model: keras.Model


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Which examples of the training split serve for what: int64 indices.

    Attributes:
        train: Those trained on.
        clean: Those of them that are also evaluated as validation images are.
        dev: Those held out.
    """

    train: np.ndarray
    clean: np.ndarray
    dev: np.ndarray


def check(config: Config) -> None:
    """Refuses what can be seen to be wrong without loading TensorFlow or data.

    Raises:
        UsageError: A spec names something unknown, or gives it wrong arguments.
    """
    checks = {
        "dataset": data.check,
        "augment": augment.build,
        "model": models.build,
        "optimizer": optimizers.build,
        "schedule": schedules.build,
    }
    for name, checked in checks.items():
        try:
            checked(getattr(config, name))
        except UsageError as problem:
            raise UsageError(f"--{name}: {problem}") from None


def run(
    config: Config,
    model: ModelFunction | keras.Model | None = None,
    dataset: Dataset | None = None,
) -> Result:
    """Trains as a config says, or goes on where a run in its folder has stopped.

    Args:
        config: What defines the run.
        model: Instead of the config's: a model, or what makes one of the shape of an
            image and the number of classes.
        dataset: Instead of the config's.

    Raises:
        UsageError: The config cannot be done.
        RunError: It could be, but something failed.
    """
    check(config)
    screen = console.console()
    strategy = distribute.build(config.strategy, config.devices)
    dataset = dataset or data.build(config.dataset)
    rows = _divide(dataset, config.train_dev, config.seed)
    _check_batch_size(config, len(rows.train), strategy.num_replicas_in_sync)
    batches, validation = _batches(config, dataset, strategy, screen)
    feed = Feed(
        batches, rows.train, config.batch_size, config.seed, config.accumulate
    )
    plan = _plan(config, feed.per_epoch)

    state = _state(config, plan, strategy, dataset, model)
    names = metric_names(dataset.class_names, has_dev=len(rows.dev) > 0)
    state.learning_rate.check(names)
    _check_monitor(config.monitor, names)
    objective = _objective(config, state.model, dataset, rows)
    update = Update(config.clip_norm, config.ema)
    loop = TrainLoop(state, objective, update, feed, config.seed, config.jit)
    evaluations = _evaluations(
        state, objective, batches, validation, rows, config.batch_size
    )

    folder = workdir.prepare(config)
    devices = [device.name for device in tf.config.list_logical_devices()]
    workdir.write_environment(folder, devices)
    history = History(folder / "metrics.jsonl")
    checkpoints = Checkpoints(
        folder / "checkpoints",
        folder / "best",
        state.variables(),
        config.keep_checkpoints,
    )
    lines = console.Console(
        plan.total_steps, plan.steps_per_epoch, config.batch_size, config.monitor, screen
    )
    lines.banner(_facts(config, dataset, rows, plan, state.model, strategy))
    reports = [
        lines,
        Files(folder, config.batch_size),
        TensorBoard(
            folder,
            dataclasses.asdict(config),
            dataset.class_names,
            _samples(objective, dataset, config.seed),
        ),
    ]
    try:
        train(
            state,
            loop,
            evaluations,
            plan,
            history,
            checkpoints,
            Reports(reports),
            dataset.class_names,
        )
    except tf.errors.OpError:
        # If it comes from a stream, it does not say from which file.
        for split in (dataset.train, dataset.validation):
            split.check()
        raise
    finally:
        lines.stopped()
    lines.summary(history, config.workdir)
    return Result(history, state.model)


def _divide(dataset: Dataset, share: float, seed: int) -> Rows:
    """Returns which training examples serve for what."""
    train, dev = stratified_split(dataset.train.labels, share, seed)
    generator = np.random.Generator(np.random.PCG64(seed))
    clean = np.sort(generator.permutation(train)[:_CLEAN_IMAGES])
    return Rows(train, clean, dev)


def _check_batch_size(config: Config, images: int, replicas: int) -> None:
    size, shares = config.batch_size, replicas * config.accumulate
    if size > images:
        raise UsageError(
            f"batch_size must be at most the number of training images, {images:,}, "
            f"not {size:,}"
        )
    if size % shares:
        raise UsageError(
            f"batch_size must be a multiple of {shares} ({replicas} devices times "
            f"{config.accumulate} parts), not {size}"
        )
    if config.jit and replicas > 1:
        raise UsageError("jit works on one device only; leave out --jit or --devices")


def _check_monitor(name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise UsageError(
            f"monitor must be a metric of an evaluation, not {name!r}; there are "
            f"{', '.join(names)}"
        )


def _batches(
    config: Config, dataset: Dataset, strategy: tf.distribute.Strategy, screen
) -> tuple[Batches, Batches]:
    """Returns those of the training and of the validation split."""

    def build(split: Split) -> Batches:
        stays = config.input == "memory" or (
            config.input == "auto" and fits_memory(split)
        )
        if not stays:
            return StreamBatches(split, strategy)
        loaded = split.in_memory(console.reading(screen))
        return MemoryBatches(loaded, strategy)

    return build(dataset.train), build(dataset.validation)


def _plan(config: Config, steps_per_epoch: int) -> Plan:
    total = Duration.parse(config.train_for).steps(steps_per_epoch)
    if not total:
        raise UsageError(f"train_for must be at least a step, not {config.train_for}")

    def steps(length: str) -> int:
        return max(Duration.parse(length).steps(steps_per_epoch, total), 1)

    return Plan(
        total,
        steps_per_epoch,
        log_every=steps(config.log_every),
        evaluate_every=steps(config.evaluate_every),
        checkpoint_every=steps(config.checkpoint_every),
        steps_per_call=config.steps_per_call,
        monitor=config.monitor,
        early_stopping=config.early_stopping,
    )


def _state(
    config: Config,
    plan: Plan,
    strategy: tf.distribute.Strategy,
    dataset: Dataset,
    model: ModelFunction | keras.Model | None,
) -> TrainState:
    """Returns everything that training changes, made where the strategy wants it."""
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        clock = schedules.Clock(plan.total_steps, plan.steps_per_epoch)
        schedule = schedules.build(config.schedule)
        learning_rate = schedules.LearningRate(config.learning_rate, schedule, clock)
        if not isinstance(model, keras.Model):
            function = model or models.build(config.model)
            with precision.policy(config.precision):
                model = function(dataset.image_shape, dataset.num_classes)
        models.check(model, dataset.image_shape, dataset.num_classes)
        optimizer = optimizers.build(config.optimizer)()
        optimizers.prepare(optimizer, model.trainable_variables)
        loss_scale = None
        if config.precision == "float16":
            loss_scale = precision.LossScale()
        return TrainState(
            model, optimizer, learning_rate, config.ema > 0, loss_scale
        )


def _objective(
    config: Config, model: keras.Model, dataset: Dataset, rows: Rows
) -> Objective:
    return Objective(
        model,
        augment.build(config.augment, clip=dataset.train.images.dtype == np.uint8),
        normalize.build(config.normalize, dataset.train, rows.train),
        config.batch_size,
        config.label_smoothing,
    )


def _evaluations(
    state: TrainState,
    objective: Objective,
    batches: Batches,
    validation: Batches,
    rows: Rows,
    batch_size: int,
) -> dict[str, Callable[[], Predictions]]:
    """Returns what to ask the model, by the prefix of the metrics."""
    replicas = batches.strategy.num_replicas_in_sync
    size = -(-max(batch_size, _EVALUATION_BATCH) // replicas) * replicas
    of_train = Evaluator(state, objective, batches, size)
    of_validation = Evaluator(state, objective, validation, size)
    asked = {
        "train_clean": functools.partial(of_train, rows.clean),
        "train_dev": functools.partial(of_train, rows.dev),
        "validation": functools.partial(
            of_validation, np.arange(len(validation.split))
        ),
    }
    if not len(rows.dev):
        del asked["train_dev"]
    return asked


def _samples(objective: Objective, dataset: Dataset, seed: int) -> list[np.ndarray]:
    """Returns some training images, each with what augmentation makes of it."""
    if not objective.augment:
        return []
    chosen = np.linspace(0, len(dataset.train) - 1, _SAMPLES).astype(np.int64)
    images = dataset.train.take(chosen).in_memory(lambda done, total: None).images
    repeated = np.repeat(images, _SAMPLE_DRAWS, axis=0)
    draws = random.Draws(
        seed, tf.constant(0, tf.int64), tf.constant(0, tf.int64), len(repeated)
    )
    changed = objective.augment(tf.constant(repeated), draws, len(repeated)).numpy()
    groups = changed.reshape(_SAMPLES, _SAMPLE_DRAWS, *images.shape[1:])
    return [
        np.concatenate([image[None].astype(np.float32), group])
        for image, group in zip(images, groups, strict=True)
    ]


def _facts(
    config: Config,
    dataset: Dataset,
    rows: Rows,
    plan: Plan,
    model: keras.Model,
    strategy: tf.distribute.Strategy,
) -> dict[str, str]:
    """Returns what the banner says."""
    train, validation = dataset.train.labels[rows.train], dataset.validation.labels
    facts = {
        "data": f"{config.dataset}, {'x'.join(map(str, dataset.image_shape))}",
        "train": console.counts(train, dataset.class_names),
        "validation": console.counts(validation, dataset.class_names),
        "held out": f"{len(rows.dev):,} of the training images",
        "model": f"{config.model}, {model.count_params():,} parameters",
        "optimizer": f"{config.optimizer}, learning rate {config.learning_rate:g} x "
        f"{config.schedule}",
        "length": f"{plan.total_steps:,} steps, {plan.steps_per_epoch:,} an epoch, "
        f"{config.batch_size} images each",
        "runs on": f"{strategy.num_replicas_in_sync} device(s), {config.precision}",
        "folder": config.workdir,
    }
    if dataset.notes:
        facts["note"] = "; ".join(dataset.notes)
    return facts
