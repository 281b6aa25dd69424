"""Brings batches to the compiled loop, from memory or from a stream, in one order."""

from __future__ import annotations

import abc
import contextlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from framework.data.dataset import Split
from framework.data.servers import Servers

# What a compiled loop is handed for an epoch, and a replica for a batch.
Handle = Any
Share = Any

# A data set of up to so many bytes is held in memory.
MEMORY_LIMIT = 2 * 1024**3


class Batches(abc.ABC):
    """Batches of a split's examples, each divided among the replicas.

    Use: outside the compiled loop, `open` some batches; inside it, `take` one; inside a
    replica, get the `local` rows of it.

    Args:
        split: The examples.
        strategy: Whose replicas share each batch.
    """

    def __init__(self, split: Split, strategy: tf.distribute.Strategy):
        self.split = split
        self.strategy = strategy

    @abc.abstractmethod
    def open(self, rows: np.ndarray, parts: int = 1, first: int = 0) -> Handle:
        """Returns what gives these batches, in their order.

        Args:
            rows: int32 [batches, batch_size], the examples of each.
            parts: In how many parts each batch is gone through.
            first: The index of the first batch that will be taken.
        """

    @abc.abstractmethod
    def take(self, handle: Handle, index: tf.Tensor) -> Share:
        """Returns a batch, to be handed to `strategy.run`.

        Args:
            handle: From `open`.
            index: int32 scalar; from `first` on, each in its turn.
        """

    @abc.abstractmethod
    def local(self, share: Share, size: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what this replica has of a batch, part after part.

        Args:
            share: From `take`.
            size: How many rows that is.

        Returns:
            Images [size, height, width, C] and int32 labels [size].
        """

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """Watches over calls of compiled functions that `take` batches."""
        return contextlib.nullcontext()

    def _by_replica(self, rows: np.ndarray, parts: int) -> np.ndarray:
        """Reorders each batch so that what one replica gets stands together.

        A part of a batch is the same examples on any number of replicas: part, then
        replica, is their order in the batch; replica, then part, is the order here.
        """
        replicas = self.strategy.num_replicas_in_sync
        divided = rows.reshape(len(rows), parts, replicas, -1)
        return divided.transpose(0, 2, 1, 3).reshape(rows.shape)


class MemoryBatches(Batches):
    """Batches gathered inside the compiled loop, from a copy on each device.

    Each machine has all examples, and gathers none but the rows of its own replicas.
    """

    def __init__(self, split: Split, strategy: tf.distribute.Strategy):
        super().__init__(split, strategy)
        self._images = self._on_devices(split.images)
        self._labels = self._on_devices(split.labels.astype(np.int32))

    def open(self, rows, parts=1, first=0):
        """See base class."""
        return tf.constant(self._by_replica(rows, parts), tf.int32)

    def take(self, handle, index):
        """See base class."""
        return handle[index]

    def local(self, share, size):
        """See base class."""
        start = tf.distribute.get_replica_context().replica_id_in_sync_group * size
        # On a TPU `start` is a tensor: only so is the shape known to the compiler.
        rows = tf.slice(share, [start], [size])
        return tf.gather(self._images, rows), tf.gather(self._labels, rows)

    def _on_devices(self, array: np.ndarray) -> tf.Tensor | tf.Variable:
        if _has_one_device(self.strategy):
            return tf.constant(array)
        # Of a variable each replica has its own copy. A constant would be sent from
        # the first device to the others, or from the host to a TPU, at every step.
        with self.strategy.scope():
            return tf.Variable(array, trainable=False)


class StreamBatches(Batches):
    """Batches read by tf.data as they are needed, here or by servers of its service.

    Args:
        split: The examples.
        strategy: Whose replicas share each batch.
        servers: What reads in turn; none to read here.
    """

    def __init__(
        self,
        split: Split,
        strategy: tf.distribute.Strategy,
        servers: Servers | None = None,
    ):
        super().__init__(split, strategy)
        self._servers = servers
        # Made once: in the graph of each epoch they would be written out anew.
        with tf.device("CPU"):
            self._labels = tf.constant(split.labels.astype(np.int32))
            if isinstance(split.images, np.ndarray):
                self._images = tf.constant(split.images)

    def open(self, rows, parts=1, first=0):
        """See base class."""
        order = self._by_replica(rows[first:], parts)
        with self.reading():
            return self._opened(order)

    def reading(self):
        """See base class."""
        return self._servers.waiting() if self._servers else super().reading()

    def _opened(self, order: np.ndarray) -> Handle:
        """Returns an iterator over batches, each already in order for the replicas."""
        if self.strategy.num_replicas_in_sync == 1:
            return iter(self._shares(order))

        def of_machine(context: tf.distribute.InputContext) -> tf.data.Dataset:
            mine = np.split(order, context.num_input_pipelines, axis=1)
            share = mine[context.input_pipeline_id]
            size = context.get_per_replica_batch_size(order.shape[1])
            return self._shares(share.reshape(-1, size))

        return iter(self.strategy.distribute_datasets_from_function(of_machine))

    def take(self, handle, index):
        """See base class."""
        return next(handle)

    def local(self, share, size):
        """See base class."""
        images, labels = share
        return (
            tf.ensure_shape(images, [size, *self.split.images.shape[1:]]),
            tf.ensure_shape(labels, [size]),
        )

    def _shares(self, rows: np.ndarray) -> tf.data.Dataset:
        """Returns what the replicas of a machine get, one after the other.

        Args:
            rows: int32 [shares, size], the examples of each share.
        """
        if self._servers:
            count = len(self._servers.addresses)
            read = [
                self._read(rows[place::count], os.cpu_count()).apply(_by(address))
                for place, address in enumerate(self._servers.addresses)
            ]
            turns = tf.data.Dataset.range(len(rows)).map(lambda i: i % count)
            dataset = tf.data.Dataset.choose_from_datasets(read, turns, False)
        else:
            dataset = self._read(rows, os.cpu_count())
        options = tf.data.Options()
        # Its thread makes the end of each epoch wait, up to five seconds.
        options.autotune.enabled = False
        return dataset.prefetch(2).with_options(options)

    def _read(self, rows: np.ndarray, calls: int) -> tf.data.Dataset:
        """Returns shares, read by so many calls at once."""
        dataset = tf.data.Dataset.from_tensor_slices(rows.ravel())
        dataset = dataset.map(self._example, calls, deterministic=True)
        return dataset.batch(rows.shape[1], drop_remainder=True)

    def _example(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if isinstance(self.split.images, np.ndarray):
            image = tf.gather(self._images, index)
        else:
            image = self.split.images.element(index)
        return image, tf.gather(self._labels, index)


def _by(address: str) -> Callable[[tf.data.Dataset], tf.data.Dataset]:
    """Returns what has a dataset read by a server, in its order."""
    service = tf.data.experimental.service
    return service.distribute(service.ShardingPolicy.OFF, f"grpc://{address}")


def _has_one_device(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether all replicas of this process are where its constants are."""
    if isinstance(strategy, tf.distribute.TPUStrategy):
        return False
    # The default strategy has no list of devices.
    if strategy.num_replicas_in_sync == 1:
        return True
    return len(strategy.extended.worker_devices) == 1


def fits_memory(split: Split) -> bool:
    """Returns whether a split's images take up no more than `MEMORY_LIMIT`."""
    images = split.images
    return int(np.prod(images.shape)) * images.dtype.itemsize <= MEMORY_LIMIT


def padded(rows: np.ndarray, batch_size: int) -> np.ndarray:
    """Divides examples into batches, the last filled up from the beginning.

    What it is filled up with is to be given no weight. All batches then have one shape,
    and batch norm sees no blanks.

    Args:
        rows: int32 [N].
        batch_size: How many a batch has; may be more than N.

    Returns:
        int32 [batches, batch_size].
    """
    count = -(-len(rows) // batch_size) * batch_size
    return np.resize(rows, count).reshape(-1, batch_size)
