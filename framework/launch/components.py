"""Builds all components of a run from its config.

Nothing below reads a config: each value is read here once and passed to its component.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from framework import augment, data, losses, models, schedules
from framework import metrics as metrics_lib
from framework.augment import normalize
from framework.config import Config, spec
from framework.config.durations import Duration
from framework.data import exclusion, folds, record, sampling
from framework.data.batches import Batches
from framework.data.dataset import Dataset, class_counts
from framework.data.examples import Examples, divide, prepare
from framework.data.feed import Feed
from framework.data.hold_out import hold_out_test
from framework.data.images import Progress
from framework.data.record import DataRecord
from framework.data.servers import Servers
from framework.distributed.strategy import build_strategy
from framework.errors import UsageError
from framework.launch import initial as initial_lib
from framework.launch import sources
from framework.launch.initial import Initial
from framework.loop.evaluate import Evaluations, metric_names
from framework.loop.plan import Plan
from framework.loop.state import TrainState
from framework.loop.step import Objective, Update
from framework.loop.steps import Evaluator, TrainLoop
from framework.losses import compiled_loss
from framework.metrics import METRICS, Metric
from framework.models import ModelFunction
from framework.optim import optimizers, precision
from framework.system import waiting

# The minimum batch size of evaluations, which need no memory for gradients.
_EVALUATION_BATCH = 256
# The maximum number of returns to a checkpoint with --on_nonfinite=rollback.
_ROLLBACKS = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Components:
    """All components of a run, ready to train.

    Attributes:
        strategy: The distribution strategy.
        examples: The examples of training and evaluation.
        plan: The event schedule.
        state: The training state.
        objective: The training objective.
        loop: The compiled training loop.
        initial: What the network was built from.
        metrics: Further metrics of the evaluations, by name.
    """

    strategy: tf.distribute.Strategy
    examples: Examples
    plan: Plan
    state: TrainState
    objective: Objective
    loop: TrainLoop
    initial: Initial
    metrics: Mapping[str, Metric] = dataclasses.field(default_factory=dict)

    def data_record(self, drawn: dict[str, Any]) -> DataRecord:
        """Describes the data; call it before a checkpoint's statistics are restored.

        Args:
            drawn: From `drawn_by`.
        """
        scaling = self.objective.normalize.variables
        statistics = {name: value.numpy() for name, value in scaling.items()}
        examples, feed = self.examples, self.loop.feed
        sampled = None
        if not feed.is_uniform:
            sampled = examples.dataset.train.labels[feed.examples(epoch=0)]
        return record.describe(
            examples.dataset,
            examples.train_dev,
            statistics,
            drawn,
            examples.excluded,
            sampled,
        )

    def variables(self) -> dict[str, tf.Variable]:
        """Returns every variable that a restart needs, by name."""
        scaling = self.objective.normalize.variables
        statistics = {f"normalize/{name}": value for name, value in scaling.items()}
        return {**self.state.variables(), **statistics}

    def evaluations(self) -> Evaluations:
        """Builds the evaluations of the model."""
        examples = self.examples
        train = self.evaluator(examples.train_batches)
        validation = self.evaluator(examples.validation_batches)
        all_validation = np.arange(len(examples.dataset.validation))
        evaluators = {
            "train_clean": functools.partial(train, examples.train_clean),
            "train_dev": functools.partial(train, examples.train_dev),
            "validation": functools.partial(validation, all_validation),
        }
        if not len(examples.train_dev):
            del evaluators["train_dev"]
        return Evaluations(evaluators, examples.dataset.class_names, self.metrics)

    def evaluator(self, batches: Batches) -> Evaluator:
        """Returns an evaluator of the model on the examples of batches."""
        replicas = self.strategy.num_replicas_in_sync
        size = max(self.objective.batch_size, _EVALUATION_BATCH)
        size = -(-size // replicas) * replicas
        classes = self.examples.dataset.num_classes if self.metrics else 0
        return Evaluator(self.state, self.objective, batches, size, classes)


def check(config: Config, given: Collection[str] = ()) -> None:
    """Validates a config as far as possible without loading TensorFlow or data.

    Args:
        config: The configuration.
        given: The fields to skip, because their components are given in Python.

    Raises:
        UsageError: A spec names something unknown, or has wrong arguments.
    """
    checks: dict[str, Callable[[str], object]] = {
        "dataset": data.check,
        "augment": augment.build,
        "normalize": normalize.parse,
        "model": models.build,
        "optimizer": optimizers.build,
        "schedule": schedules.build,
        "sampling": sampling.build,
        "loss": functools.partial(losses.build, label_smoothing=config.label_smoothing),
        "metrics": metrics_lib.build,
    }
    for name, check_spec in checks.items():
        if name in given:
            continue
        try:
            check_spec(getattr(config, name))
        except UsageError as problem:
            raise UsageError(f"--{name}: {problem}") from None
    if config.input == "service":
        Servers.parse(config.service, 0.0, config.i_trust_this_network)


def build(
    config: Config,
    model: ModelFunction | keras.Model | None,
    dataset: Dataset | None,
    progress: Progress,
) -> Components:
    """Builds the components of a run.

    Args:
        config: The configuration.
        model: Replaces that of the config: a model, or a function of an image's shape
            and the number of classes that builds one.
        dataset: Replaces that of the config.
        progress: Called with the numbers of images loaded and to load.

    Raises:
        UsageError: The config is wrong.
        RunError: The data cannot be used.
    """
    given = {"model": model, "dataset": dataset}
    check(config, [name for name, value in given.items() if value is not None])
    files = sources.find(config, model is not None)
    if model is None:
        config = initial_lib.with_own_normalization(config, files)
    wait_for = waiting.parse_seconds(config.wait_for)
    trusted = config.i_trust_this_network
    servers = None
    if config.input == "service":
        servers = Servers.parse(config.service, wait_for, trusted)
        servers.wait()
    strategy = build_strategy(
        config.strategy, config.devices, config.cluster, config.tpu, wait_for, trusted
    )
    dataset = dataset or data.build(config.dataset)
    if dataset.has_several_labels:
        _check_several_labels(config)
    recorded = None if config.fresh else record.read(Path(config.workdir))
    dataset = _divided(dataset, config, recorded)
    excluded, note = exclusion.find(dataset, config.exclude)
    if note:
        dataset = dataclasses.replace(dataset, notes=(*dataset.notes, note))
    division = divide(
        dataset,
        config.train_dev,
        config.seed,
        recorded.held_out(dataset, drawn_by(config)) if recorded else None,
        excluded,
    )
    examples = prepare(
        dataset,
        division,
        config.seed,
        config.input,
        strategy,
        progress,
        servers,
        config.cache,
    )
    _check_batch_size(config, len(examples.train), strategy.num_replicas_in_sync)
    feed = Feed(
        examples.train_batches,
        examples.train,
        config.batch_size,
        config.seed,
        config.accumulate,
        sampling.build(config.sampling),
    )
    plan = _plan(config, feed.per_epoch, monitor_of(config, dataset))
    function = model if model is not None else models.build(config.model, files)
    state, initial = _state(config, plan, strategy, dataset, function, files)
    metrics = metrics_lib.build(config.metrics)
    _check_metrics(config, state, examples, metrics)
    objective = _objective(config, state.model, examples, strategy)
    update = Update(config.clip_norm, config.ema, config.on_nonfinite == "skip")
    loop = TrainLoop(state, objective, update, feed, config.seed, config.jit)
    return Components(
        strategy, examples, plan, state, objective, loop, initial, metrics
    )


def _divided(dataset: Dataset, config: Config, recorded: DataRecord | None) -> Dataset:
    """Divides a data set by --test and --fold, as in the recorded run if there is one.

    The test part does not depend on the fold.
    """
    pool = folds.pooled(dataset, config.fold)
    drawn = drawn_by(config)
    if recorded and not config.fold:
        pool = recorded.keep_split(pool, drawn)
    rest = hold_out_test(pool, config.test, recorded.test(pool) if recorded else None)
    if not config.fold or dataset.fold == config.fold:
        return rest
    divided = folds.divided(rest, config.fold, config.seed)
    return recorded.keep_split(divided, drawn) if recorded else divided


def drawn_by(config: Config) -> dict[str, Any]:
    """Returns the fields that determine which images are trained on."""
    fields = {name: getattr(config, name) for name in ("dataset", "train_dev", "seed")}
    # Not where there is none: records of earlier versions do not have it.
    further = {name: getattr(config, name) for name in ("test", "fold")}
    return {**fields, **{name: each for name, each in further.items() if each}}


def _check_batch_size(config: Config, images: int, replicas: int) -> None:
    """Raises UsageError if a batch is too large or cannot be divided."""
    size, divisor = config.batch_size, replicas * config.accumulate
    if size > images:
        raise UsageError(
            f"batch_size must be at most the number of training images, {images:,}, "
            f"not {size:,}"
        )
    if size % divisor:
        raise UsageError(
            f"batch_size must be a multiple of {divisor} ({replicas} devices times "
            f"--accumulate={config.accumulate}), not {size}"
        )
    if config.jit and replicas > 1:
        raise UsageError("jit works on one device only; leave out --jit or --devices")


def _check_metrics(
    config: Config,
    state: TrainState,
    examples: Examples,
    metrics: Mapping[str, Metric],
) -> None:
    """Raises UsageError if a metric fails, or --monitor or the schedule lacks one."""
    dataset = examples.dataset
    splits = {"train": dataset.train, "validation": dataset.validation}
    weighted = [name for name, split in splits.items() if split.weights is not None]
    has_dev = len(examples.train_dev) > 0
    several = dataset.has_several_labels
    names = metric_names(
        dataset.class_names, has_dev, weighted, has_several_labels=several
    )
    taken = [name.partition("/")[2] for name in names]
    metrics_lib.check(metrics, dataset.num_classes, taken, several)
    names = metric_names(dataset.class_names, has_dev, weighted, metrics, several)
    state.learning_rate.check_monitors(names)
    monitor = monitor_of(config, dataset)
    if monitor not in names:
        raise UsageError(
            f"monitor must be a metric of an evaluation, not {monitor!r}; known "
            f"are {', '.join(names)}"
        )


def monitor_of(config: Config, dataset: Dataset) -> str:
    """Returns the metric to monitor: mAP by default where images have several labels.

    Args:
        config: The configuration.
        dataset: The data set.
    """
    if dataset.has_several_labels and config.monitor == Config.monitor:
        return "validation/mAP"
    return config.monitor


def _check_several_labels(config: Config) -> None:
    """Raises UsageError if a flag needs one label per image.

    Raises:
        UsageError: One does.
    """
    losses.build(config.loss, config.label_smoothing, several_labels=True)
    for name in ("sampling", "exclude", "metrics"):
        value = getattr(config, name)
        # A metric of the user's own may take several labels.
        is_own = name == "metrics" and not set(_metric_names(value)) & set(METRICS)
        if value != getattr(Config, name) and not is_own:
            raise UsageError(
                f"--{name}={value} needs one label per image, but the data have "
                f"several; leave it out"
            )


def _metric_names(text: str) -> list[str]:
    return [call.name for call in spec.parts(text)]


def _plan(config: Config, steps_per_epoch: int, monitor: str) -> Plan:
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
        monitor=monitor,
        early_stopping=config.early_stopping,
        rollbacks=_ROLLBACKS if config.on_nonfinite == "rollback" else 0,
    )


def _state(
    config: Config,
    plan: Plan,
    strategy: tf.distribute.Strategy,
    dataset: Dataset,
    model: ModelFunction | keras.Model,
    files: Mapping[str, Path],
) -> tuple[TrainState, Initial]:
    """Builds the training state inside the strategy's scope."""
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
    return network


def _objective(
    config: Config,
    model: keras.Model,
    examples: Examples,
    strategy: tf.distribute.Strategy,
) -> Objective:
    """Builds the objective; fits the normalization to the training images."""
    split = examples.train_batches.split
    policy = augment.build(config.augment, of_bytes=split.dtype == np.uint8)
    divisor = 2 * strategy.num_replicas_in_sync * config.accumulate
    if policy and policy.has_mix and config.batch_size % divisor:
        raise UsageError(
            f"batch_size must be a multiple of {divisor} where --augment mixes images "
            f"in pairs, not {config.batch_size}"
        )
    with strategy.scope():
        scaling = normalize.build(config.normalize, split, examples.train)
    classes = examples.dataset.num_classes
    counts = class_counts(split.labels[examples.train], classes)
    several = examples.dataset.has_several_labels
    loss = losses.build(config.loss, config.label_smoothing, several)(counts)
    kept_fraction = losses.kept_fraction(loss)
    if kept_fraction < 1 and config.accumulate > 1:
        raise UsageError(
            f"--loss={config.loss} compares the losses of the whole batch; leave out "
            f"--accumulate={config.accumulate}"
        )
    return Objective(model, policy, scaling, config.batch_size, loss, kept_fraction)
