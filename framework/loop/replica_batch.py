"""One replica's part of a batch, divided into micro-batches or shards."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from framework.loop.objective import MicroBatch
from framework.loop.shards import Shards
from framework.numerics.draws import Draws


@dataclasses.dataclass(frozen=True, eq=False)
class ReplicaBatch:
    """The examples of a batch that one replica processes; use it in its context.

    Attributes:
        images: [B, height, width, C], as in the data set.
        labels: int32 [B]; or [B, K] of 0 and 1, where there are several each.
        own_weights: float32 [B], the weights of the examples in the data set, or None.
        seed: Seed of all random draws.
        step: int64 scalar, the 0-based index of the update.
        examples: int32 scalar, the examples of the global batch without padding.
    """

    images: tf.Tensor
    labels: tf.Tensor
    own_weights: tf.Tensor | None
    seed: int
    step: tf.Tensor
    examples: tf.Tensor

    def micro_batches(self, count: int) -> list[MicroBatch]:
        """Divides the examples; of each micro-batch, every replica has a part.

        Args:
            count: The number of micro-batches.
        """
        context = tf.distribute.get_replica_context()
        replicas, size = context.num_replicas_in_sync, self.labels.shape[0] // count
        batches = []
        for number in range(count):
            local = slice(number * size, (number + 1) * size)
            # The position of the first example in the global batch.
            start = (number * replicas + context.replica_id_in_sync_group) * size
            own = None if self.own_weights is None else self.own_weights[local]
            batches.append(
                self._micro_batch(start, self.images[local], self.labels[local], own)
            )
        return batches

    def shards(self, total: int) -> Shards:
        """Divides the examples into shards, which follow one another in the batch.

        Args:
            total: The number of shards of the global batch.
        """
        context = tf.distribute.get_replica_context()
        replicas, examples = context.num_replicas_in_sync, self.labels.shape[0]
        local = total // replicas
        size = examples // local

        def part(values: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
            return tf.reshape(values, [local, size, *values.shape[1:]])[index]

        def at(index: tf.Tensor) -> MicroBatch:
            start = (context.replica_id_in_sync_group * local + index) * size
            own = None if self.own_weights is None else part(self.own_weights, index)
            return self._micro_batch(
                start, part(self.images, index), part(self.labels, index), own
            )

        return Shards(at, local, total, replicas * examples)

    def _micro_batch(
        self,
        start: int | tf.Tensor,
        images: tf.Tensor,
        labels: tf.Tensor,
        own_weights: tf.Tensor | None,
    ) -> MicroBatch:
        """Returns the micro-batch that starts at a position in the global batch."""
        size = labels.shape[0]
        is_example = start + tf.range(size) < self.examples
        weights = tf.cast(is_example, tf.float32) / tf.cast(self.examples, tf.float32)
        draws = Draws(self.seed, self.step, tf.cast(start, tf.int64), size)
        return MicroBatch(images, labels, weights, draws, own_weights)
