"""Batches for the compiled loop, from device memory or streamed, in the same order."""

from __future__ import annotations

import abc
import contextlib
import os
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from framework.data import memory
from framework.data.servers import Servers
from framework.data.split import LabelledImages, Split

# The batches of an epoch, as an argument of a compiled loop: a tensor of indices, or an
# iterator.
EpochBatches: TypeAlias = "tf.Tensor | tf.data.Iterator"
# One batch, as the argument of a replica function: the indices of the whole batch, or
# this replica's images, labels and, if the split has them, weights.
ReplicaInput: TypeAlias = "tf.Tensor | tuple[tf.Tensor, ...]"

# Splits of at most this many bytes are kept in memory.
MEMORY_LIMIT = 2 * 1024**3


class Batches(abc.ABC):
    """Batches of a split's examples, each divided among the replicas.

    Usage: outside the compiled loop, `open` an epoch; inside it, `take` a batch; inside
    a replica, get its `local` examples.

    Args:
        split: The examples.
        strategy: The strategy whose replicas share each batch.
    """

    def __init__(self, split: LabelledImages, strategy: tf.distribute.Strategy):
        self.split = split
        self.strategy = strategy

    @abc.abstractmethod
    def open(
        self, indices: np.ndarray, micro_batches: int = 1, first: int = 0
    ) -> EpochBatches:
        """Prepares batches for the compiled loop.

        Args:
            indices: int32 [batches, batch_size], the examples of each batch.
            micro_batches: The number of micro-batches per batch (gradient
                accumulation).
            first: The index of the first batch that will be taken.
        """

    @abc.abstractmethod
    def take(self, epoch: EpochBatches, index: tf.Tensor) -> ReplicaInput:
        """Returns a batch as an argument for `strategy.run`.

        Args:
            epoch: From `open`.
            index: int32 scalar; starts at `first` and increases by 1 with each call.
        """

    @abc.abstractmethod
    def local(
        self, replica_input: ReplicaInput, size: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns this replica's examples of a batch, one micro-batch after another.

        Args:
            replica_input: From `take`.
            size: The number of examples per replica.

        Returns:
            Images [size, height, width, C] and int32 labels [size], or [size, K] of 0
            and 1.
        """

    @abc.abstractmethod
    def local_weights(self, replica_input: ReplicaInput, size: int) -> tf.Tensor | None:
        """Returns the weights of the examples of `local`.

        Args:
            replica_input: From `take`.
            size: The number of examples per replica.

        Returns:
            float32 [size]; None if the split has no weights.
        """

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """Guards calls of compiled functions that `take` batches."""
        return contextlib.nullcontext()

    def _by_replica(self, indices: np.ndarray, micro_batches: int) -> np.ndarray:
        """Reorders each batch so that the examples of each replica are contiguous.

        A micro-batch has the same examples on any number of replicas. The batch is
        ordered by (micro-batch, replica); the result by (replica, micro-batch).
        """
        replicas = self.strategy.num_replicas_in_sync
        divided = indices.reshape(len(indices), micro_batches, replicas, -1)
        return divided.transpose(0, 2, 1, 3).reshape(indices.shape)


class MemoryBatches(Batches):
    """Batches gathered in the compiled loop from a copy of the split on each device.

    Each machine holds all examples, and gathers only those of its own replicas.

    Args:
        split: The examples.
        strategy: The strategy whose replicas share each batch.
    """

    def __init__(self, split: Split, strategy: tf.distribute.Strategy):
        super().__init__(split, strategy)
        self._images = self._on_devices(split.images)
        self._labels = self._on_devices(split.labels.astype(np.int32))
        self._weights = None
        if split.weights is not None:
            self._weights = self._on_devices(split.weights)

    def open(
        self, indices: np.ndarray, micro_batches: int = 1, first: int = 0
    ) -> EpochBatches:
        """See base class."""
        return tf.constant(self._by_replica(indices, micro_batches), tf.int32)

    def take(self, epoch: EpochBatches, index: tf.Tensor) -> ReplicaInput:
        """See base class."""
        return epoch[index]

    def local(
        self, replica_input: ReplicaInput, size: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See base class."""
        indices = _local_indices(replica_input, size)
        return tf.gather(self._images, indices), tf.gather(self._labels, indices)

    def local_weights(self, replica_input: ReplicaInput, size: int) -> tf.Tensor | None:
        """See base class."""
        if self._weights is None:
            return None
        return tf.gather(self._weights, _local_indices(replica_input, size))

    def _on_devices(self, array: np.ndarray) -> tf.Tensor | tf.Variable:
        if _has_one_device(self.strategy):
            return memory.as_tensor(array)
        # Each replica has its own copy of a variable. A constant would be sent from
        # the first device to the others, or from the host to a TPU, at every step.
        with self.strategy.scope():
            return tf.Variable(memory.as_tensor(array), trainable=False)


class StreamBatches(Batches):
    """Batches read by tf.data on demand, in this process or by tf.data service.

    Args:
        split: The examples.
        strategy: The strategy whose replicas share each batch.
        servers: The tf.data servers that read the batches in turn; None to read in
            this process.
    """

    def __init__(
        self,
        split: LabelledImages,
        strategy: tf.distribute.Strategy,
        servers: Servers | None = None,
    ):
        super().__init__(split, strategy)
        self._servers = servers
        self._read_image = split.image_reader()
        # Made once: in the graph of each epoch it would be a constant of its own.
        with tf.device("CPU"):
            self._labels = tf.constant(split.labels.astype(np.int32))
            weights = split.weights
            self._weights = None if weights is None else tf.constant(weights)

    def open(
        self, indices: np.ndarray, micro_batches: int = 1, first: int = 0
    ) -> EpochBatches:
        """See base class."""
        ordered = self._by_replica(indices[first:], micro_batches)
        with self.reading():
            return self._iterate(ordered)

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """See base class."""
        return self._servers.waiting() if self._servers else super().reading()

    def _iterate(self, indices: np.ndarray) -> EpochBatches:
        """Returns an iterator over batches that are ordered by replica."""
        if self.strategy.num_replicas_in_sync == 1:
            return iter(self._replica_batches(indices))

        def dataset_of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
            by_worker = np.split(indices, context.num_input_pipelines, axis=1)
            local = by_worker[context.input_pipeline_id]
            size = context.get_per_replica_batch_size(indices.shape[1])
            return self._replica_batches(local.reshape(-1, size))

        return iter(self.strategy.distribute_datasets_from_function(dataset_of_worker))

    def take(self, epoch: EpochBatches, index: tf.Tensor) -> ReplicaInput:
        """See base class."""
        return next(epoch)

    def local(
        self, replica_input: ReplicaInput, size: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See base class."""
        images, labels, *_ = replica_input
        return (
            tf.ensure_shape(images, [size, *self.split.shape[1:]]),
            tf.ensure_shape(labels, [size, *self.split.labels.shape[1:]]),
        )

    def local_weights(self, replica_input: ReplicaInput, size: int) -> tf.Tensor | None:
        """See base class."""
        if self._weights is None:
            return None
        return tf.ensure_shape(replica_input[2], [size])

    def _replica_batches(self, indices: np.ndarray) -> tf.data.Dataset:
        """Returns the examples of this machine's replicas, one replica after the other.

        Args:
            indices: int32 [steps * replicas, size], the examples of each replica.
        """
        if self._servers:
            count = len(self._servers.addresses)
            by_server = [
                self._read(indices[place::count]).apply(_read_by(address))
                for place, address in enumerate(self._servers.addresses)
            ]
            turns = tf.data.Dataset.range(len(indices)).map(lambda i: i % count)
            dataset = tf.data.Dataset.choose_from_datasets(by_server, turns, False)
        else:
            dataset = self._read(indices)
        options = tf.data.Options()
        # The autotuner's thread delays the end of each epoch by up to five seconds.
        options.autotune.enabled = False
        return dataset.prefetch(2).with_options(options)

    def _read(self, indices: np.ndarray) -> tf.data.Dataset:
        """Returns batches, read by as many parallel calls as there are cores."""
        dataset = tf.data.Dataset.from_tensor_slices(indices.ravel())
        dataset = dataset.map(self._example, os.cpu_count(), deterministic=True)
        return dataset.batch(indices.shape[1], drop_remainder=True)

    def _example(self, index: tf.Tensor) -> tuple[tf.Tensor, ...]:
        example = self._read_image(index), tf.gather(self._labels, index)
        if self._weights is None:
            return example
        return *example, tf.gather(self._weights, index)


def _local_indices(indices: tf.Tensor, size: int) -> tf.Tensor:
    """Returns this replica's part of the indices of a batch, int32 [size]."""
    start = tf.distribute.get_replica_context().replica_id_in_sync_group * size
    # On a TPU `start` is a tensor; `tf.slice` still gives the compiler a static shape.
    return tf.slice(indices, [start], [size])


def _read_by(address: str) -> Callable[[tf.data.Dataset], tf.data.Dataset]:
    """Returns a transformation that makes a server read a dataset, in its order."""
    service = tf.data.experimental.service
    return service.distribute(service.ShardingPolicy.OFF, f"grpc://{address}")


def _has_one_device(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether all replicas of this process run where constants are placed."""
    if isinstance(strategy, tf.distribute.TPUStrategy):
        return False
    # The default strategy has no list of devices.
    if strategy.num_replicas_in_sync == 1:
        return True
    return len(strategy.extended.worker_devices) == 1


def fits_memory(split: LabelledImages) -> bool:
    """Returns whether a split's images take at most `MEMORY_LIMIT` bytes."""
    return int(np.prod(split.shape)) * split.dtype.itemsize <= MEMORY_LIMIT


def padded(indices: np.ndarray, batch_size: int) -> np.ndarray:
    """Divides indices into batches; pads the last batch with the first indices.

    The padding must get weight 0. Padding with examples gives all batches one shape,
    and keeps blank images out of the batch-norm statistics.

    >>> padded(np.arange(5), 3)
    array([[0, 1, 2],
           [3, 4, 0]])

    Args:
        indices: int32 [N].
        batch_size: Examples per batch; may exceed N.

    Returns:
        int32 [batches, batch_size].
    """
    count = -(-len(indices) // batch_size) * batch_size
    return np.resize(indices, count).reshape(-1, batch_size)
