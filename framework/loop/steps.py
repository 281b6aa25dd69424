"""The compiled loops: many steps in one call, on all replicas."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from framework import compiled
from framework.data.batches import Batches, BatchShare, EpochBatches, padded
from framework.data.feed import Feed
from framework.distributed.workers import Workers
from framework.loop import step as step_lib
from framework.loop.evaluate import Check
from framework.loop.plan import Pace
from framework.loop.state import SUMS, TrainState
from framework.numerics.draws import Draws
from framework.numerics.metrics import Predictions
from framework.optim import optimizers

_FIELDS = tuple(field.name for field in dataclasses.fields(Predictions))


class TrainLoop:
    """Trains for so many steps in one call.

    Args:
        state: What training changes.
        objective: What it makes small.
        update: How gradients become new weights.
        feed: Where examples come from.
        seed: Of all draws.
        jit: Whether XLA compiles forward and backward pass.

    Attributes:
        objective: As given, and so are the next three.
        update: How gradients become new weights.
        feed: Where examples come from.
        seed: Of all draws.
    """

    def __init__(
        self,
        state: TrainState,
        objective: step_lib.Objective,
        update: step_lib.Update,
        feed: Feed,
        seed: int,
        jit: bool = False,
    ):
        self._state = state
        self.objective = objective
        self.update = update
        self.feed = feed
        self._batches = feed.batches
        self._workers = Workers(feed.batches.strategy)
        self.seed = seed
        self._gradients = objective.gradients
        if jit:
            self._gradients = _compiled(objective.gradients)
        self._many = compiled.function(self._steps)
        self._probed = compiled.function(self._probed_step)
        self._emptied = compiled.function(self._empty_window)
        self._finite = compiled.function(self._all_finite)

    def __call__(self, step: int, count: int) -> None:
        """Trains on `count` batches that follow each other, all of one epoch.

        Args:
            step: The 0-based index of the first update.
            count: How many updates.
        """
        handle = self.feed.at(step)
        with self.feed.batches.reading():
            self._many(handle, *self._place(step), tf.constant(count))

    def probe(self, step: int) -> dict[str, float]:
        """Trains on one batch, and returns what was measured of this step.

        Args:
            step: The 0-based index of the update.
        """
        handle = self.feed.at(step)
        with self.feed.batches.reading():
            measured = self._probed(handle, *self._place(step))
        return {name: float(value) for name, value in measured.items()}

    def is_finite(self) -> bool:
        """Returns whether the weights are, and the losses since `take_window`."""
        return bool(self._finite())

    def agreed(self, count: int) -> int:
        """Returns for how many steps the next call is to be, the same on all workers.

        Each has its own speed; but sums over workers are matched up by the call.

        Args:
            count: For how many this worker would have it.
        """
        return self._workers.agreed(count)

    def take_window(self) -> dict[str, float]:
        """Returns the means over the steps since this was last called."""
        return _means(self._emptied())

    def take_totals(self) -> dict[str, float]:
        """Returns the means over the steps since the last evaluation.

        What has not been taken as a window yet is left out.
        """
        totals = {name: sums.numpy() for name, sums in self._state.totals.items()}
        for variable in self._state.totals.values():
            variable.assign(tf.zeros_like(variable))
        return _means(totals)

    def _place(self, step: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the step and, within its epoch, the index of its batch."""
        index = step % self.feed.per_epoch
        return tf.constant(step, tf.int64), tf.constant(index, tf.int32)

    def _steps(
        self, handle: EpochBatches, step: tf.Tensor, index: tf.Tensor, count: tf.Tensor
    ) -> None:
        def body(i: tf.Tensor) -> tf.Tensor:
            self._one(handle, step + tf.cast(i, tf.int64), index + i, probe=False)
            return i + 1

        tf.while_loop(lambda i: i < count, body, [0], parallel_iterations=1)

    def _probed_step(
        self, handle: EpochBatches, step: tf.Tensor, index: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return self._one(handle, step, index, probe=True)

    def _one(
        self, handle: EpochBatches, step: tf.Tensor, index: tf.Tensor, probe: bool
    ) -> dict[str, tf.Tensor]:
        """Does one step; returns its measurements."""
        strategy = self._batches.strategy
        optimizers.set_learning_rate(
            self._state.optimizer, self._state.learning_rate(step)
        )

        batch_size = self.objective.batch_size
        # How many of the batch's examples count: all, but in an epoch's last batch.
        real = tf.minimum(self.feed.size - index * batch_size, batch_size)

        def replica_step(share, step, real):
            return self.on_replica(share, step, real, probe)

        share = self._batches.take(handle, index)
        sums, measured = strategy.run(replica_step, (share, step, real))
        for name, variable in self._state.window.items():
            total = strategy.reduce(tf.distribute.ReduceOp.SUM, sums[name], axis=None)
            variable.assign_add(tf.cast(total, variable.dtype))
        # Equal on all replicas: gradients are summed and weights mirrored.
        measured = {
            name: strategy.experimental_local_results(value)[0]
            for name, value in measured.items()
        }
        if "noise_trace" in measured:
            self._state.noise.add(
                measured.pop("noise_trace"),
                measured.pop("gradient_square"),
                real == batch_size,
            )
        return measured

    def on_replica(
        self, share: BatchShare, step: tf.Tensor, real: tf.Tensor, probe: bool = False
    ) -> tuple[step_lib.Sums, dict[str, tf.Tensor]]:
        """Does one replica's part of a step, in its context; see `step.train_step`.

        Args:
            share: Of the batch, from `Batches.take`.
            step: int64 scalar, the 0-based index of the update.
            real: int32 scalar, how many of the batch's examples count.
            probe: Whether to measure the step.
        """
        parts = self._parts(share, step, real)
        return step_lib.train_step(
            self._state, self._gradients, parts, self.update, step, probe
        )

    def _parts(
        self, share: BatchShare, step: tf.Tensor, real: tf.Tensor
    ) -> list[step_lib.Rows]:
        """Returns this replica's rows of a batch, part by part."""
        context = tf.distribute.get_replica_context()
        replicas, parts = context.num_replicas_in_sync, self.feed.micro_batches
        size = self.objective.batch_size // (parts * replicas)
        images, labels = self._batches.local(share, parts * size)
        rows = []
        for part in range(parts):
            mine = slice(part * size, (part + 1) * size)
            start = (part * replicas + context.replica_id_in_sync_group) * size
            counted = start + tf.range(size) < real
            weights = tf.cast(counted, tf.float32) / tf.cast(real, tf.float32)
            draws = Draws(self.seed, step, tf.cast(start, tf.int64), size)
            rows.append(step_lib.Rows(images[mine], labels[mine], weights, draws))
        return rows

    def _all_finite(self) -> tf.Tensor:
        model = [variable.value for variable in self._state.model.variables]
        found = [
            tf.reduce_all(tf.math.is_finite(variable.read_value()))
            for variable in [self._state.window["loss"], *model]
            if variable.dtype.is_floating
        ]
        return tf.reduce_all(found)

    def _empty_window(self) -> dict[str, tf.Tensor]:
        """Returns the sums of the window, adds them to the totals, and empties it."""
        sums = {}
        for name, variable in self._state.window.items():
            sums[name] = variable.read_value()
            self._state.totals[name].assign_add(sums[name])
            variable.assign(tf.zeros_like(sums[name]))
        return sums


class Evaluator:
    """Asks the model about each example of some, exactly once.

    Args:
        state: Whose model; where an average of the weights is kept, the average.
        objective: Its model and its scaling of pixels are used.
        batches: Where examples come from.
        batch_size: Examples per step, over all replicas, at most.
    """

    def __init__(
        self,
        state: TrainState,
        objective: step_lib.Objective,
        batches: Batches,
        batch_size: int,
    ):
        self._state = state
        self._objective = objective
        self._batches = batches
        self._workers = Workers(batches.strategy)
        self._batch_size = batch_size
        self._pace = Pace()
        self._many = compiled.function(self._steps)
        self._swapped = compiled.function(state.swap_ema)

    def __call__(self, rows: np.ndarray, check: Check = lambda: None) -> Predictions:
        """Returns what the model says.

        Args:
            rows: int32 [N], which examples of the split.
            check: Called every few seconds; what it raises breaks the evaluation off.
        """
        size = self._size(len(rows))
        divided = padded(rows, size)
        handle = self._batches.open(divided)
        found, start = [], 0
        self._swapped()
        try:
            while start < len(divided):
                check()
                count = min(len(divided) - start, self._pace.limit)
                count = self._workers.agreed(count)
                with self._pace.timed(count), self._batches.reading():
                    place = tf.constant(start), tf.constant(count)
                    some = self._many(handle, *place, size)
                    found.append({name: some[name].numpy() for name in _FIELDS})
                start += count
        finally:
            self._swapped()
        values = {
            name: np.concatenate([some[name].reshape(-1) for some in found])
            for name in _FIELDS
        }
        return Predictions(**{name: values[name][: len(rows)] for name in _FIELDS})

    def _size(self, total: int) -> int:
        """Returns how many examples a step has, so that the last one is nearly full."""
        replicas = self._batches.strategy.num_replicas_in_sync
        steps = -(-total // self._batch_size)
        return -(-total // (steps * replicas)) * replicas

    def _steps(
        self, handle: EpochBatches, start: tf.Tensor, count: tf.Tensor, size: int
    ) -> dict[str, tf.Tensor]:
        types = {"confidence": tf.float32, "losses": tf.float32}
        arrays = tuple(
            tf.TensorArray(types.get(name, tf.int32), count, element_shape=[size])
            for name in _FIELDS
        )

        def body(i, *arrays):
            found = self._one(handle, start + i, size)
            return i + 1, *(
                array.write(i, found[name])
                for name, array in zip(_FIELDS, arrays, strict=True)
            )

        _, *arrays = tf.while_loop(
            lambda i, *_: i < count, body, (0, *arrays), parallel_iterations=1
        )
        return {
            name: array.stack() for name, array in zip(_FIELDS, arrays, strict=True)
        }

    def _one(
        self, handle: EpochBatches, index: tf.Tensor, size: int
    ) -> dict[str, tf.Tensor]:
        """Returns what is said of one batch, in its order."""
        strategy = self._batches.strategy
        share_size = size // strategy.num_replicas_in_sync

        def replica_step(share):
            return self.on_replica(share, share_size)

        found = strategy.run(replica_step, (self._batches.take(handle, index),))
        return {name: self._together(value) for name, value in found.items()}

    def on_replica(self, share: BatchShare, size: int) -> dict[str, tf.Tensor]:
        """Does one replica's part of a batch, in its context; see `step.eval_step`.

        Args:
            share: Of the batch, from `Batches.take`.
            size: How many rows of it are this replica's.
        """
        images, labels = self._batches.local(share, size)
        return step_lib.eval_step(
            self._objective.model, self._objective.normalize, images, labels
        )

    def _together(self, value: object) -> tf.Tensor:
        """Returns what the replicas have found, those of all workers, in order."""
        strategy = self._batches.strategy
        if self._workers.count > 1:
            return strategy.gather(value, axis=0)
        return tf.concat(strategy.experimental_local_results(value), axis=0)


def _compiled(
    gradients_of: Callable[..., tuple[list[tf.Tensor], step_lib.Sums]],
) -> Callable[..., tuple[list[tf.Tensor], step_lib.Sums]]:
    """Returns `Objective.gradients` compiled by XLA."""

    def call(rows: step_lib.Rows, weights, scale):
        def gradients(images, labels, row_weights, step, start, scale):
            draws = dataclasses.replace(rows.draws, step=step, start=start)
            inner = step_lib.Rows(images, labels, row_weights, draws)
            return gradients_of(inner, weights, scale)

        return compiled.function(gradients, jit_compile=True)(
            rows.images,
            rows.labels,
            rows.weights,
            rows.draws.step,
            rows.draws.start,
            tf.convert_to_tensor(scale, tf.float32),
        )

    return call


def _means(sums: dict[str, tf.Tensor]) -> dict[str, float]:
    values = {name: float(sums[name]) for name in SUMS}
    # Of no example there is no mean.
    examples = values["examples"] or float("nan")
    return {
        "accuracy": values["correct"] / examples,
        "loss": values["loss"] / examples,
    }
