"""The compiled evaluation loop: predictions of a split, on all replicas."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from framework import compiled
from framework.compiled import Compilation
from framework.data.batches import Batches, EpochBatches, ReplicaInput, padded
from framework.distributed.workers import Workers
from framework.loop.eval_step import eval_step
from framework.loop.evaluate import Check
from framework.loop.objective import Objective
from framework.loop.plan import Pace
from framework.loop.state import TrainState
from framework.numerics.metrics import Predictions

# What is compiled, for people.
EVALUATION = "the evaluation"
# The fields of `Predictions` that `eval_step` returns.
_FIELDS = ("labels", "predicted", "rank", "confidence", "losses")
_FLOATS = ("confidence", "losses", "logits")
# Where images may have several labels, and which fields are [N, K] then.
_FIELDS_OF_SEVERAL = ("labels", "predicted", "confidence", "losses")
_BY_CLASS = ("labels", "predicted", "confidence")


class Evaluator:
    """Evaluates the model on examples of a split, each exactly once.

    Args:
        state: The training state. If it has a moving average of the weights, that is
            evaluated.
        objective: The objective, for its model and normalization.
        batches: Batches of the split.
        batch_size: The maximum number of examples per step, over all replicas.
        classes: The number of classes, if predictions shall have logits; else 0.
        shards: The number of equal parts of each step, which are computed by themselves
            on any number of devices; 0 for one on each.
        compilation: Times the first calls.

    Attributes:
        batch_size: The maximum number of examples per step, over all replicas.
    """

    def __init__(
        self,
        state: TrainState,
        objective: Objective,
        batches: Batches,
        batch_size: int,
        classes: int = 0,
        shards: int = 0,
        compilation: Compilation | None = None,
    ):
        self._state = state
        self._objective = objective
        self._batches = batches
        shape = batches.split.labels.shape[1:]
        fields: tuple[str, ...] = _FIELDS
        by_class: tuple[str, ...] = ()
        if shape:
            classes = shape[0]
            fields, by_class = _FIELDS_OF_SEVERAL, _BY_CLASS
        self._classes, self._by_class = classes, (*by_class, "logits")
        self._fields = (*fields, "logits") if classes else fields
        self._workers = Workers(batches.strategy)
        self.batch_size, self._shards = batch_size, shards
        self._compilation = compilation or Compilation()
        self._pace = Pace()
        self._run_steps = compiled.function(self._steps)
        self._run_swap_ema = compiled.function(state.swap_ema)

    def __call__(self, indices: np.ndarray, check: Check = lambda: None) -> Predictions:
        """Evaluates the model.

        Args:
            indices: int32 [N], the examples of the split.
            check: Called every few seconds; an exception interrupts the evaluation.
        """
        size = self._step_size(len(indices))
        batches = padded(indices, size)
        epoch = self._batches.open(batches)
        outputs: list[dict[str, np.ndarray]] = []
        start = 0
        self._run_swap_ema()
        try:
            while start < len(batches):
                check()
                count = min(len(batches) - start, self._pace.limit)
                count = self._workers.all_reduce_min(count)
                with (
                    self._pace.timed(count),
                    self._compilation.first(EVALUATION, (self, size)),
                    self._batches.reading(),
                ):
                    position = tf.constant(start), tf.constant(count)
                    tensors = self._run_steps(epoch, *position, size)
                    outputs.append(
                        {name: tensor.numpy() for name, tensor in tensors.items()}
                    )
                start += count
        finally:
            self._run_swap_ema()
        # Of [steps, size, ...], the first two are the examples in their order.
        values = {
            name: np.concatenate([np.concatenate(output[name]) for output in outputs])[
                : len(indices)
            ]
            for name in self._fields
        }
        weights = self._batches.split.weights
        return Predictions(
            labels=values["labels"],
            predicted=values["predicted"],
            rank=values.get("rank"),
            confidence=values["confidence"],
            losses=values["losses"],
            weights=None if weights is None else weights[indices],
            logits=values.get("logits"),
        )

    def _step_size(self, total: int) -> int:
        """Returns the examples per step, such that the last batch is nearly full."""
        parts = self._shards or self._batches.strategy.num_replicas_in_sync
        steps = -(-total // self.batch_size)
        return -(-total // (steps * parts)) * parts

    def _steps(
        self, epoch: EpochBatches, start: tf.Tensor, count: tf.Tensor, size: int
    ) -> dict[str, tf.Tensor]:
        arrays = tuple(
            tf.TensorArray(
                tf.float32 if name in _FLOATS else tf.int32,
                count,
                element_shape=[size, self._classes]
                if name in self._by_class
                else [size],
            )
            for name in self._fields
        )

        def body(
            i: tf.Tensor, *arrays: tf.TensorArray
        ) -> tuple[tf.Tensor | tf.TensorArray, ...]:
            outputs = self._step(epoch, start + i, size)
            return i + 1, *(
                array.write(i, outputs[name])
                for name, array in zip(self._fields, arrays, strict=True)
            )

        _, *arrays = tf.while_loop(
            lambda i, *_: i < count, body, (0, *arrays), parallel_iterations=1
        )
        return {
            name: array.stack()
            for name, array in zip(self._fields, arrays, strict=True)
        }

    def _step(
        self, epoch: EpochBatches, index: tf.Tensor, size: int
    ) -> dict[str, tf.Tensor]:
        """Evaluates a batch; returns the fields of `Predictions`, [size] each."""
        strategy = self._batches.strategy
        local_size = size // strategy.num_replicas_in_sync

        def replica_step(replica_input: ReplicaInput) -> dict[str, tf.Tensor]:
            return self.on_replica(replica_input, local_size)

        outputs = strategy.run(replica_step, (self._batches.take(epoch, index),))
        return {name: self._gather(outputs[name]) for name in self._fields}

    def on_replica(
        self, replica_input: ReplicaInput, size: int
    ) -> dict[str, tf.Tensor]:
        """Evaluates a batch in a replica's context; see `eval_step`.

        Args:
            replica_input: The batch, from `Batches.take`.
            size: The number of examples of this replica.
        """
        images, labels = self._batches.local(replica_input, size)
        if self._shards:
            return self._by_shard(images, labels)
        return eval_step(
            self._objective.model, self._objective.normalize, images, labels
        )

    def _by_shard(self, images: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        """Evaluates the shards of a batch, one after another."""
        context = tf.distribute.get_replica_context()
        count = self._shards // context.num_replicas_in_sync
        model, normalize = self._objective.model, self._objective.normalize

        def evaluate(shard: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
            outputs = eval_step(model, normalize, *shard)
            return {name: outputs[name] for name in self._fields}

        def divided(values: tf.Tensor) -> tf.Tensor:
            size = values.shape[0] // count
            return tf.reshape(values, [count, size, *values.shape[1:]])

        outputs = tf.map_fn(
            evaluate,
            (divided(images), divided(labels)),
            parallel_iterations=1,
            fn_output_signature={
                name: tf.float32 if name in _FLOATS else tf.int32
                for name in self._fields
            },
        )
        return {
            name: tf.reshape(value, [images.shape[0], *value.shape[2:]])
            for name, value in outputs.items()
        }

    def _gather(self, value: tf.distribute.DistributedValues) -> tf.Tensor:
        """Concatenates the values of all replicas of all workers."""
        strategy = self._batches.strategy
        if self._workers.count > 1:
            return strategy.gather(value, axis=0)
        return tf.concat(strategy.experimental_local_results(value), axis=0)
