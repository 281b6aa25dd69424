"""Simulates one of several TPU chips while a step is compiled, for `tpu_check`."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# TensorFlow's own TPU strategy reduces by an operation that only TPUs support.
from tensorflow.compiler.tf2xla.ops import gen_xla_ops


class Chip(tf.distribute.ReplicaContext):
    """The replica context of a step on one of several chips.

    Args:
        count: The number of chips.
        index: int32 scalar, the index of this chip. All chips run the same program.
    """

    def __init__(self, count: int, index: tf.Tensor):
        super().__init__(tf.distribute.get_strategy(), 0)
        self._count, self._index = count, index

    @property
    def num_replicas_in_sync(self) -> int:
        """The number of chips."""
        return self._count

    @property
    def replica_id_in_sync_group(self) -> tf.Tensor:
        """The index of this chip."""
        return self._index

    def all_reduce(
        self,
        reduce_op: tf.distribute.ReduceOp,
        value: object,
        options: tf.distribute.experimental.CommunicationOptions | None = None,
    ) -> object:
        """Returns sums over all chips, in the structure of `value`.

        Raises:
            NotImplementedError: The reduction is not a sum.
        """
        if reduce_op != tf.distribute.ReduceOp.SUM:
            raise NotImplementedError(f"only sums are supported, not {reduce_op}")
        return tf.nest.map_structure(self._sum, value)

    def _sum(self, value: tf.Tensor) -> tf.Tensor:
        all_chips = tf.constant([list(range(self._count))], tf.int32)

        @tf.custom_gradient
        def differentiable_sum(
            own: tf.Tensor,
        ) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            total = gen_xla_ops.xla_all_reduce(own, all_chips, "Add", "CrossReplica")
            return total, self._sum

        return differentiable_sum(tf.convert_to_tensor(value))
