"""Builds all components of a run from its config.

Nothing below `launch` reads a config: each value is read once and passed to its
component.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from framework import metrics as metrics_lib
from framework import models
from framework.config import Config
from framework.config.durations import Duration
from framework.data import description, sampling
from framework.data.batches import Batches, StreamBatches
from framework.data.dataset import Dataset
from framework.data.examples import Examples
from framework.data.feed import Feed, OrderedFeed
from framework.data.images import Progress
from framework.data.record import DataRecord
from framework.data.servers import Servers
from framework.data.stream_feed import StreamFeed
from framework.distributed import determinism
from framework.distributed.strategy import build_strategy
from framework.errors import UsageError
from framework.launch import checks, settled, sources, training
from framework.launch import examples as examples_lib
from framework.launch import initial as initial_lib
from framework.launch.initial import Initial
from framework.loop.evaluate import Evaluations
from framework.loop.evaluator import Evaluator
from framework.loop.objective import Objective
from framework.loop.plan import Plan
from framework.loop.state import TrainState
from framework.loop.train_loop import TrainLoop
from framework.loop.train_step import Update
from framework.metrics import Metric
from framework.models import ModelFunction
from framework.system import waiting

# Limits of a batch in evaluations, in images and pixels, if a micro-batch is smaller.
# Small networks are faster with many images at once, large images only take memory.
_EVALUATION_BATCH, _EVALUATION_PIXELS = 256, 2**18
# The maximum number of returns to a checkpoint with --on_nonfinite=rollback.
_ROLLBACKS = 10
# The most values of the logits of an evaluation that are kept for precision-recall
# curves: 16 MB.
_MAX_LOGITS = 2**22


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

    def data_record(self, config: Config) -> DataRecord:
        """Describes the data; call it before a checkpoint's statistics are restored.

        Args:
            config: The configuration of the run.
        """
        scaling = self.objective.normalize.variables
        statistics = {name: value.numpy() for name, value in scaling.items()}
        examples = self.examples
        return description.describe(
            examples.dataset,
            examples.train_dev,
            statistics,
            examples_lib.drawn_by(config),
            examples.excluded,
            self.loop.feed.drawn_labels(),
        )

    def variables(self) -> dict[str, tf.Variable]:
        """Returns every variable that a restart needs, by name."""
        scaling = self.objective.normalize.variables
        statistics = {f"normalize/{name}": value for name, value in scaling.items()}
        return {**self.state.variables(), **statistics}

    def evaluations(self) -> Evaluations:
        """Returns the evaluations of the model, the same at each call."""
        return self._evaluations

    @functools.cached_property
    def _evaluations(self) -> Evaluations:
        examples = self.examples
        train = self.evaluator(examples.train_batches)
        count = len(examples.dataset.validation)
        has_curves = count * examples.dataset.num_classes <= _MAX_LOGITS
        validation = self.evaluator(examples.validation_batches, has_curves)
        all_validation = np.arange(count)
        evaluators = {
            "train_clean": functools.partial(train, examples.train_clean),
            "train_dev": functools.partial(train, examples.train_dev),
            "validation": functools.partial(validation, all_validation),
        }
        if not len(examples.train_dev):
            del evaluators["train_dev"]
        return Evaluations(evaluators, examples.dataset.class_names, self.metrics)

    def evaluator(self, batches: Batches, with_logits: bool = False) -> Evaluator:
        """Returns an evaluator of the model on the examples of batches.

        Args:
            batches: The batches.
            with_logits: Whether predictions have logits even if no metric needs them.
        """
        shards = self.loop.shards
        parts = shards or self.strategy.num_replicas_in_sync
        height, width, _ = self.examples.dataset.image_shape
        size = min(_EVALUATION_BATCH, _EVALUATION_PIXELS // (height * width))
        size = max(self.objective.batch_size // self.loop.feed.micro_batches, size)
        size = -(-size // parts) * parts
        has_logits = with_logits or bool(self.metrics)
        classes = self.examples.dataset.num_classes if has_logits else 0
        return Evaluator(
            self.state,
            self.objective,
            batches,
            size,
            classes,
            shards,
            self.loop.compilation,
        )


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
    checks.check(config, [name for name, value in given.items() if value is not None])
    files = sources.find(config, model is not None)
    if model is None:
        config = initial_lib.with_own_normalization(config, files)
    wait_for = waiting.parse_seconds(config.wait_for)
    trusted = config.i_trust_this_network
    servers = None
    if config.input == "service":
        servers = Servers.parse(config.service, wait_for, trusted)
        servers.wait()
    determinism.limit_threads(config.threads)
    if config.shards:
        determinism.require_determinism_on_gpus()
    strategy = build_strategy(
        config.strategy, config.devices, config.cluster, config.tpu, wait_for, trusted
    )
    examples = examples_lib.build(config, dataset, strategy, servers, progress)
    feed = _feed(config, examples, strategy)
    monitor = settled.monitor(config, examples.dataset.has_several_labels)
    plan = _plan(config, feed.per_epoch, monitor)
    function = model if model is not None else models.build(config.model, files)
    state, initial = training.build_state(
        config, plan, strategy, examples.dataset, function, files
    )
    metrics = metrics_lib.build(config.metrics)
    checks.check_metrics(metrics, examples, plan.monitor, state.learning_rate)
    objective = training.build_objective(config, state.model, examples, strategy)
    update = Update(config.clip_norm, config.ema, config.on_nonfinite == "skip")
    loop = TrainLoop(
        state, objective, update, feed, config.seed, config.jit, config.shards
    )
    return Components(
        strategy, examples, plan, state, objective, loop, initial, metrics
    )


def _feed(config: Config, examples: Examples, strategy: tf.distribute.Strategy) -> Feed:
    """Returns the training batches: of the data set, or of its stream."""
    stream, replicas = examples.dataset.stream, strategy.num_replicas_in_sync
    images = stream.images if stream else len(examples.train)
    checks.check_batch_size(config, images, replicas)
    if stream:
        # `StreamBatches` uses the shape and the type of these images only.
        like = examples.dataset.train.take(np.arange(1))
        batches = StreamBatches(like, strategy)
        return StreamFeed(stream, batches, config.batch_size, config.accumulate)
    return OrderedFeed(
        examples.train_batches,
        examples.train,
        config.batch_size,
        config.seed,
        config.accumulate,
        sampling.build(config.sampling),
    )


def _plan(config: Config, steps_per_epoch: int, monitor: str) -> Plan:
    total = Duration.parse(config.train_for).steps(steps_per_epoch)
    if not total:
        raise UsageError(f"--train_for must be at least a step, not {config.train_for}")

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
