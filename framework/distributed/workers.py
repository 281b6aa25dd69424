"""The processes that train together, one on each machine, and what they agree on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from framework import compiled
from framework.distributed import cluster
from framework.errors import WorkerLostError

# What TensorFlow raises in those that are left when a process is lost.
_LOST = ("UNAVAILABLE", "ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL")
# And under other codes, where it has been restarted before it was found lost.
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
    """The processes of a run.

    All train and evaluate alike, and come to the same numbers. Only the chief writes.

    Args:
        strategy: Whose processes.

    Attributes:
        index: Which of them this one is, from 0.
        count: How many there are.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        self.index, self.count = 0, 1
        self._cluster = cluster.of(strategy)
        if self._cluster:
            self.index, self.count = self._cluster.index, len(self._cluster.addresses)
        self._gather = compiled.function(self._gathered)

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes."""
        return self.index == 0

    def gathered(self, number: float) -> list[float]:
        """Returns the numbers of all processes, in their order; all must call it.

        Args:
            number: This one's; whole numbers up to 2**53 are exact.
        """
        if self.count == 1:
            return [number]
        with self._cluster.waiting():
            found = self._gather(tf.constant(number, tf.float64)).numpy().tolist()
        # Each device of a process has given the same number.
        return found[:: len(found) // self.count]

    def agreed(self, number: int) -> int:
        """Returns the smallest number of any process; all must call it."""
        return int(min(self.gathered(number)))

    def _gathered(self, number: tf.Tensor) -> tf.Tensor:
        def replica(number):
            context = tf.distribute.get_replica_context()
            place = context.replica_id_in_sync_group
            own = tf.one_hot(
                place, context.num_replicas_in_sync, number, dtype=tf.float64
            )
            return context.all_reduce(tf.distribute.ReduceOp.SUM, own)

        found = self._strategy.run(replica, (number,))
        return self._strategy.experimental_local_results(found)[0]


def is_loss(problem: tf.errors.OpError) -> bool:
    """Returns whether an error is what is raised when another process is lost."""
    if problem.error_code in [getattr(tf.errors, name) for name in _LOST]:
        return True
    return any(text in str(problem.message) for text in _RESTARTED)


@contextlib.contextmanager
def told_if_lost(several: bool) -> Iterator[None]:
    """Says in one line that another process of the run was lost.

    Args:
        several: Whether there is another at all.

    Raises:
        WorkerLostError: One was.
    """
    try:
        yield
    except tf.errors.OpError as problem:
        if not several or not is_loss(problem):
            raise
        raise WorkerLostError(
            "another worker was lost, or could not be reached; start all workers again "
            "with the same command, and they go on from the last checkpoint"
        ) from None
