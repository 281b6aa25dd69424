"""The compiled training loop: many steps per call, on all replicas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from framework import compiled
from framework.compiled import Compilation
from framework.data.batches import EpochBatches, ReplicaInput, StreamBatches
from framework.data.feed import Feed
from framework.distributed.workers import Workers
from framework.loop.example_losses import Sums
from framework.loop.objective import (
    GradientFunction,
    MicroBatch,
    Objective,
    jit_compiled,
)
from framework.loop.replica_batch import ReplicaBatch
from framework.loop.shards import Shards
from framework.loop.state import TrainState
from framework.loop.train_step import Update, train_step
from framework.optim import optimizers

# What is compiled, for people.
TRAINING_STEP = "the training step"
MEASURED_STEP = "the measured training step"


class TrainLoop:
    """Trains for several steps per call.

    Args:
        state: The training state.
        objective: The training objective.
        update: Settings of the weight update.
        feed: The training batches.
        seed: Seed of all random draws.
        jit: Whether XLA compiles the forward and backward pass.
        shards: The number of shards of each batch, a power of two; 0 for none. See
            `framework.loop.shards`.
        compilation: Times the first calls.

    Attributes:
        objective: The training objective.
        update: Settings of the weight update.
        feed: The training batches.
        seed: Seed of all random draws.
        shards: The number of shards of each batch; 0 for none.
        compilation: Times the first calls.
    """

    def __init__(
        self,
        state: TrainState,
        objective: Objective,
        update: Update,
        feed: Feed,
        seed: int,
        jit: bool = False,
        shards: int = 0,
        compilation: Compilation | None = None,
    ):
        self._state = state
        self.objective = objective
        self.update = update
        self.feed = feed
        self._batches = feed.batches
        self._workers = Workers(feed.batches.strategy)
        self.seed = seed
        self.shards = shards
        self.compilation = compilation or Compilation()
        self._gradients: GradientFunction = objective.gradients
        if jit:
            self._gradients = jit_compiled(objective.gradients)
        # Seconds that steps have waited for a batch that is streamed.
        self._waited: tf.Variable | None = None
        if isinstance(feed.batches, StreamBatches):
            with tf.device("CPU"):
                self._waited = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self._run_steps = compiled.function(self._steps)
        self._run_measured_step = compiled.function(self._measured_step)
        self._run_empty_window = compiled.function(self._empty_window)
        self._run_all_finite = compiled.function(self._all_finite)

    @property
    def parts(self) -> int:
        """The number of parts of a batch that one device computes at a time."""
        return self.shards or self.feed.micro_batches

    def __call__(self, step: int, count: int) -> None:
        """Trains on consecutive batches of one epoch.

        Args:
            step: The 0-based index of the first update.
            count: The number of updates.
        """
        epoch = self.feed.at(step)
        with self.compilation.first(TRAINING_STEP), self.feed.batches.reading():
            self._run_steps(epoch, *self._position(step), tf.constant(count))

    def measured_step(self, step: int) -> dict[str, float]:
        """Trains on one batch; returns the statistics of this step.

        Args:
            step: The 0-based index of the update.
        """
        epoch = self.feed.at(step)
        with self.compilation.first(MEASURED_STEP), self.feed.batches.reading():
            statistics = self._run_measured_step(epoch, *self._position(step))
        return {name: float(value) for name, value in statistics.items()}

    def is_finite(self) -> bool:
        """Returns whether the weights and the losses since `take_window` are finite."""
        return bool(self._run_all_finite())

    def start_again(self) -> None:
        """Prepares for another run of the same graphs: the next step may be any one."""
        self.feed.reset()
        self.compilation.seconds.clear()
        self.compilation.watcher = None
        if self._waited is not None:
            self._waited.assign(0.0)

    def waited(self) -> float:
        """Returns the seconds that steps have waited for images so far.

        It waits for the device, so it is not for the middle of a run.
        """
        return 0.0 if self._waited is None else float(self._waited.numpy())

    def common_count(self, count: int) -> int:
        """Returns the number of steps of the next call, the same on all workers.

        Workers differ in speed, but reductions over workers are matched by call.

        Args:
            count: The number of steps that this worker proposes.
        """
        return self._workers.all_reduce_min(count)

    def take_window(self) -> dict[str, float]:
        """Returns the means over the steps since the last call of this method."""
        return self._means(self._run_empty_window())

    def take_totals(self) -> dict[str, float]:
        """Returns the means over the steps since the last evaluation.

        Steps that `take_window` has not returned yet are left out.
        """
        totals = {name: sums.numpy() for name, sums in self._state.totals.items()}
        for variable in self._state.totals.values():
            variable.assign(tf.zeros_like(variable))
        return self._means(totals)

    def _means(self, sums: Mapping[str, tf.Tensor | np.ndarray]) -> dict[str, float]:
        """Returns means by the names of metrics."""
        several = self.feed.batches.split.labels.ndim == 2
        return _means(sums, "subset_accuracy" if several else "accuracy")

    def _position(self, step: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the step and the index of its batch within its epoch, as tensors."""
        index = step % self.feed.per_epoch
        return tf.constant(step, tf.int64), tf.constant(index, tf.int32)

    def _steps(
        self, epoch: EpochBatches, step: tf.Tensor, index: tf.Tensor, count: tf.Tensor
    ) -> None:
        def body(i: tf.Tensor) -> tf.Tensor:
            self._step(epoch, step + tf.cast(i, tf.int64), index + i, measure=False)
            return i + 1

        tf.while_loop(lambda i: i < count, body, [0], parallel_iterations=1)

    def _measured_step(
        self, epoch: EpochBatches, step: tf.Tensor, index: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return self._step(epoch, step, index, measure=True)

    def _step(
        self, epoch: EpochBatches, step: tf.Tensor, index: tf.Tensor, measure: bool
    ) -> dict[str, tf.Tensor]:
        """Sets the learning rate, trains on one batch and adds its sums to the window.

        Returns:
            The statistics of the step.
        """
        strategy = self._batches.strategy
        optimizers.set_learning_rate(
            self._state.optimizer, self._state.learning_rate(step)
        )

        batch_size = self.objective.batch_size
        # The last batch of an epoch may have padding.
        examples = tf.minimum(self.feed.size - index * batch_size, batch_size)

        def replica_step(
            replica_input: ReplicaInput, step: tf.Tensor, examples: tf.Tensor
        ) -> tuple[Sums, dict[str, tf.Tensor]]:
            return self.on_replica(replica_input, step, examples, measure)

        replica_input = self._take(epoch, index)
        sums, statistics = strategy.run(replica_step, (replica_input, step, examples))
        for name, variable in self._state.window.items():
            if self.shards:
                total = strategy.experimental_local_results(sums[name])[0]
            else:
                total = strategy.reduce(
                    tf.distribute.ReduceOp.SUM, sums[name], axis=None
                )
            variable.assign_add(tf.cast(total, variable.dtype))
        # Equal on all replicas: gradients are summed and weights mirrored.
        statistics = {
            name: strategy.experimental_local_results(value)[0]
            for name, value in statistics.items()
        }
        if "noise_trace" in statistics:
            self._state.noise.add(
                statistics.pop("noise_trace"),
                statistics.pop("gradient_square"),
                examples == batch_size,
            )
        return statistics

    def _take(self, epoch: EpochBatches, index: tf.Tensor) -> ReplicaInput:
        """Takes a batch; adds the seconds that a stream needs for it to a variable."""
        if self._waited is None:
            return self._batches.take(epoch, index)
        start = tf.timestamp()
        with tf.control_dependencies([start]):
            replica_input = self._batches.take(epoch, index)
        arrays = tf.nest.flatten(replica_input, expand_composites=True)
        with tf.control_dependencies(arrays):
            self._waited.assign_add(tf.timestamp() - start)
        return replica_input

    def on_replica(
        self,
        replica_input: ReplicaInput,
        step: tf.Tensor,
        examples: tf.Tensor,
        measure: bool = False,
    ) -> tuple[Sums, dict[str, tf.Tensor]]:
        """Runs a step in a replica's context; see `train_step`.

        Args:
            replica_input: The batch, from `Batches.take`.
            step: int64 scalar, the 0-based index of the update.
            examples: int32 scalar, the examples of the global batch without padding.
            measure: Whether to measure the step.
        """
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        size = self.objective.batch_size // replicas
        images, labels = self._batches.local(replica_input, size)
        own_weights = self._batches.local_weights(replica_input, size)
        batch = ReplicaBatch(images, labels, own_weights, self.seed, step, examples)
        batches: Sequence[MicroBatch] | Shards
        if self.shards:
            batches = batch.shards(self.shards)
        else:
            batches = batch.micro_batches(self.feed.micro_batches)
        return train_step(
            self._state,
            self._gradients,
            batches,
            self.update,
            step,
            measure,
            is_divisible=self.objective.kept_fraction == 1,
        )

    def _all_finite(self) -> tf.Tensor:
        model = [variable.value for variable in self._state.model.variables]
        are_finite = [
            tf.reduce_all(tf.math.is_finite(variable.read_value()))
            for variable in [self._state.window["loss"], *model]
            if variable.dtype.is_floating
        ]
        return tf.reduce_all(are_finite)

    def _empty_window(self) -> dict[str, tf.Tensor]:
        """Empties the window into the totals; returns its sums."""
        sums = {}
        for name, variable in self._state.window.items():
            sums[name] = variable.read_value()
            self._state.totals[name].assign_add(sums[name])
            variable.assign(tf.zeros_like(sums[name]))
        return sums


def _means(
    sums: Mapping[str, tf.Tensor | np.ndarray], accuracy: str
) -> dict[str, float]:
    """Returns means; the fraction of correct examples gets the name `accuracy`."""
    values = {name: float(value) for name, value in sums.items()}
    # Without examples the means are NaN.
    examples = values["examples"] or float("nan")
    means = {
        accuracy: values["correct"] / examples,
        "loss": values["loss"] / examples,
    }
    if "weight" in values:
        weight = values["weight"] or float("nan")
        means[f"weighted_{accuracy}"] = values["weighted_correct"] / weight
        means["weighted_loss"] = values["weighted_loss"] / weight
    return means
