"""Reductions over the worker processes of a run, and detection of lost workers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from framework import compiled
from framework.distributed import cluster
from framework.errors import WorkerLostError

# Error codes of TensorFlow in the remaining processes when a process is lost.
_LOST = ("UNAVAILABLE", "ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL")
# Messages under other codes, if the process restarted before its loss was detected.
_RESTARTED = (
    "must be registered before sending heartbeat",
    "heartbeat request from",
    "incarnation",
    "just restarted",
    "has restarted",
    "might have restarted",
    "Coordination service",
    "coordination service",
)


class Workers:
    """The worker processes of a run.

    All compute the same numbers. Only worker 0, the chief, logs and writes.

    Args:
        strategy: The strategy over these processes.

    Attributes:
        index: The 0-based index of this process.
        count: The number of processes.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        self.index, self.count = 0, 1
        self._cluster = cluster.of(strategy)
        if self._cluster:
            self.index, self.count = self._cluster.index, len(self._cluster.addresses)
        self._gather = compiled.function(self._gather_on_replicas)

    @property
    def is_chief(self) -> bool:
        """Whether this is the process that logs and writes."""
        return self.index == 0

    def all_gather(self, number: float) -> list[float]:
        """Returns the numbers of all processes, in order; all must call it.

        Args:
            number: The number of this process; integers up to 2**53 are exact.
        """
        if self._cluster is None or self.count == 1:
            return [number]
        with self._cluster.waiting():
            numbers = self._gather(tf.constant(number, tf.float64)).numpy().tolist()
        # All devices of a process give the same number.
        return numbers[:: len(numbers) // self.count]

    def all_reduce_min(self, number: int) -> int:
        """Returns the minimum over all processes; all must call it."""
        return int(min(self.all_gather(number)))

    def _gather_on_replicas(self, number: tf.Tensor) -> tf.Tensor:
        def replica_function(number: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            own = tf.one_hot(
                context.replica_id_in_sync_group,
                context.num_replicas_in_sync,
                number,
                dtype=tf.float64,
            )
            return context.all_reduce(tf.distribute.ReduceOp.SUM, own)

        numbers = self._strategy.run(replica_function, (number,))
        return self._strategy.experimental_local_results(numbers)[0]


def is_loss(problem: tf.errors.OpError) -> bool:
    """Returns whether an error means that another process was lost."""
    if problem.error_code in [getattr(tf.errors, name) for name in _LOST]:
        return True
    return any(text in str(problem.message) for text in _RESTARTED)


@contextlib.contextmanager
def translate_loss(has_others: bool) -> Iterator[None]:
    """Translates TensorFlow's errors for a lost process into WorkerLostError.

    Args:
        has_others: Whether the run has other processes.

    Raises:
        WorkerLostError: Another process was lost.
    """
    try:
        yield
    except tf.errors.OpError as problem:
        if not has_others or not is_loss(problem):
            raise
        raise WorkerLostError(
            "another worker was lost or cannot be reached; rerun the same command on "
            "all workers to resume from the last checkpoint"
        ) from None
