"""Makes all parts of a run from its config: the one place where they meet.

Nothing below reads a config: each value is taken out here once, and handed to the part
that it belongs to.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from framework import augment, data, models, schedules
from framework.augment import normalize
from framework.config import Config
from framework.config.durations import Duration
from framework.data import record
from framework.data.dataset import Dataset, Progress
from framework.data.examples import Examples, prepare
from framework.data.feed import Feed
from framework.data.record import DataRecord
from framework.data.servers import Servers
from framework.distributed.strategy import build_strategy
from framework.errors import UsageError
from framework.loop.evaluate import Evaluations, metric_names
from framework.loop.plan import Plan
from framework.loop.state import TrainState
from framework.loop.step import Objective, Update
from framework.loop.steps import Evaluator, TrainLoop
from framework.optim import optimizers, precision
from framework.system import waiting

ModelFunction = Callable[[tuple[int, int, int], int], "keras.Model"]

# At least so many images are evaluated at once: there are no gradients to hold.
_EVALUATION_BATCH = 256
# As often does `on_nonfinite="rollback"` go back before it gives up.
_ROLLBACKS = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """All that a run consists of, ready to train.

    Attributes:
        strategy: Which devices share the work.
        examples: What to learn from and what to be tested on.
        plan: When what happens.
        state: What training changes.
        objective: What it makes small.
        loop: Does so many steps.
    """

    strategy: tf.distribute.Strategy
    examples: Examples
    plan: Plan
    state: TrainState
    objective: Objective
    loop: TrainLoop

    def data_record(self, drawn: dict[str, Any]) -> DataRecord:
        """Returns what the data are, before a checkpoint's statistics are restored.

        Args:
            drawn: From `drawn_by`.
        """
        scaling = self.objective.normalize.variables
        statistics = {name: value.numpy() for name, value in scaling.items()}
        return record.describe(
            self.examples.dataset, self.examples.train_dev, statistics, drawn
        )

    def variables(self) -> dict[str, tf.Variable]:
        """Returns every variable that a restart needs, by name."""
        scaling = self.objective.normalize.variables
        statistics = {f"normalize/{name}": value for name, value in scaling.items()}
        return {**self.state.variables(), **statistics}

    def evaluations(self) -> Evaluations:
        """Returns what to ask the model."""
        examples, replicas = self.examples, self.strategy.num_replicas_in_sync
        size = max(self.objective.batch_size, _EVALUATION_BATCH)
        size = -(-size // replicas) * replicas
        state, objective = self.state, self.objective
        of_train = Evaluator(state, objective, examples.train_batches, size)
        of_validation = Evaluator(state, objective, examples.validation_batches, size)
        everything = np.arange(len(examples.dataset.validation))
        asked = {
            "train_clean": functools.partial(of_train, examples.train_clean),
            "train_dev": functools.partial(of_train, examples.train_dev),
            "validation": functools.partial(of_validation, everything),
        }
        if not len(examples.train_dev):
            del asked["train_dev"]
        return Evaluations(asked, examples.dataset.class_names)


def check(config: Config, given: Collection[str] = ()) -> None:
    """Refuses what can be seen to be wrong without loading TensorFlow or data.

    Args:
        config: What defines the run.
        given: What is not made from it, but given in Python.

    Raises:
        UsageError: A spec names something unknown, or gives it wrong arguments.
    """
    checks = {
        "dataset": data.check,
        "augment": augment.build,
        "normalize": normalize.parse,
        "model": models.build,
        "optimizer": optimizers.build,
        "schedule": schedules.build,
    }
    for name, checked in checks.items():
        if name in given:
            continue
        try:
            checked(getattr(config, name))
        except UsageError as problem:
            raise UsageError(f"--{name}: {problem}") from None
    if config.input == "service":
        Servers.parse(config.service, 0.0, config.i_trust_this_network)


def build(
    config: Config,
    model: ModelFunction | keras.Model | None,
    dataset: Dataset | None,
    progress: Progress,
) -> Parts:
    """Returns the parts of a run.

    Args:
        config: What defines the run.
        model: Instead of the config's: a model, or what makes one of the shape of an
            image and the number of classes.
        dataset: Instead of the config's.
        progress: Told now and then how many of how many images have been read.

    Raises:
        UsageError: The config cannot be done.
        RunError: The data are bad.
    """
    given = {"model": model, "dataset": dataset}
    check(config, [name for name, value in given.items() if value is not None])
    wait_for = waiting.seconds(config.wait_for)
    trusted = config.i_trust_this_network
    servers = None
    if config.input == "service":
        servers = Servers.parse(config.service, wait_for, trusted)
        servers.wait()
    strategy = build_strategy(
        config.strategy, config.devices, config.cluster, config.tpu, wait_for, trusted
    )
    dataset = dataset or data.build(config.dataset)
    recorded = None if config.fresh else record.read(Path(config.workdir))
    if recorded:
        dataset = recorded.keep_split(dataset, drawn_by(config))
    examples = prepare(
        dataset,
        config.train_dev,
        config.seed,
        config.input,
        strategy,
        progress,
        servers,
        recorded.held_out(dataset, drawn_by(config)) if recorded else None,
    )
    _check_batch_size(config, len(examples.train), strategy.num_replicas_in_sync)
    feed = Feed(
        examples.train_batches,
        examples.train,
        config.batch_size,
        config.seed,
        config.accumulate,
    )
    plan = _plan(config, feed.per_epoch)
    state = _state(config, plan, strategy, dataset, model)
    _check_metrics(config, state, examples)
    objective = _objective(config, state.model, examples, strategy)
    update = Update(config.clip_norm, config.ema, config.on_nonfinite == "skip")
    loop = TrainLoop(state, objective, update, feed, config.seed, config.jit)
    return Parts(strategy, examples, plan, state, objective, loop)


def drawn_by(config: Config) -> dict[str, Any]:
    """Returns the fields that decide which images are trained on."""
    return {name: getattr(config, name) for name in ("dataset", "train_dev", "seed")}


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


def _check_metrics(config: Config, state: TrainState, examples: Examples) -> None:
    """Refuses to watch what is not measured."""
    names = metric_names(
        examples.dataset.class_names, has_dev=len(examples.train_dev) > 0
    )
    state.learning_rate.check(names)
    if config.monitor not in names:
        raise UsageError(
            f"monitor must be a metric of an evaluation, not {config.monitor!r}; there "
            f"are {', '.join(names)}"
        )


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
        rollbacks=_ROLLBACKS if config.on_nonfinite == "rollback" else 0,
    )


def _state(
    config: Config,
    plan: Plan,
    strategy: tf.distribute.Strategy,
    dataset: Dataset,
    model: ModelFunction | keras.Model | None,
) -> TrainState:
    """Returns everything that training changes, made where the strategy wants it."""
    elsewhere = strategy.num_replicas_in_sync > 1 or config.precision != "float32"
    if isinstance(model, keras.Model) and elsewhere:
        raise UsageError(
            "a model that is made already is of one device and of its own precision; "
            "for several devices, or --precision, give a function that makes it"
        )
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        clock = schedules.Clock(plan.total_steps, plan.steps_per_epoch)
        schedule = schedules.build(config.schedule)
        learning_rate = schedules.LearningRate(config.learning_rate, schedule, clock)
        if not isinstance(model, keras.Model):
            function = model or models.build(config.model)
            if not callable(function):
                raise UsageError(
                    f"model must be a keras.Model or a function, not {model!r}"
                )
            with precision.policy(config.precision):
                model = function(dataset.image_shape, dataset.num_classes)
        models.check(model, dataset.image_shape, dataset.num_classes)
        optimizer = optimizers.build(config.optimizer)()
        optimizers.prepare(optimizer, model.trainable_variables)
        loss_scale = None
        if config.precision == "float16":
            loss_scale = precision.LossScale()
        return TrainState(model, optimizer, learning_rate, config.ema > 0, loss_scale)


def _objective(
    config: Config,
    model: keras.Model,
    examples: Examples,
    strategy: tf.distribute.Strategy,
) -> Objective:
    split = examples.train_batches.split
    policy = augment.build(config.augment, of_bytes=split.dtype == np.uint8)
    shares = strategy.num_replicas_in_sync * config.accumulate
    if policy and policy.mixes and config.batch_size % (2 * shares):
        raise UsageError(
            f"batch_size must be a multiple of {2 * shares} where images are mixed in "
            f"pairs, not {config.batch_size}"
        )
    with strategy.scope():
        scaling = normalize.build(config.normalize, split, examples.train)
    return Objective(model, policy, scaling, config.batch_size, config.label_smoothing)
