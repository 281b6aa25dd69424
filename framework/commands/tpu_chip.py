"""Stands for one of several TPU chips while a step is compiled, for `tpu_check`."""

from __future__ import annotations

import tensorflow as tf

# TensorFlow's own strategy for TPUs reduces by an operation that only TPUs have.
from tensorflow.compiler.tf2xla.ops import gen_xla_ops


class Chip(tf.distribute.ReplicaContext):
    """What a step sees of `tf.distribute` on one of several chips.

    Args:
        count: How many chips there are.
        place: int32 scalar, which of them this is. All run the same program.
    """

    def __init__(self, count: int, place: tf.Tensor):
        super().__init__(tf.distribute.get_strategy(), 0)
        self._count, self._place = count, place

    @property
    def num_replicas_in_sync(self) -> int:
        """How many chips there are."""
        return self._count

    @property
    def replica_id_in_sync_group(self) -> tf.Tensor:
        """Which of them this is."""
        return self._place

    def all_reduce(self, reduce_op, value, options=None):
        """Returns sums over all chips, like `value`.

        Raises:
            NotImplementedError: It is not sums that are asked for.
        """
        if reduce_op != tf.distribute.ReduceOp.SUM:
            raise NotImplementedError(f"only sums are reduced, not {reduce_op}")
        return tf.nest.map_structure(self._sum, value)

    def _sum(self, value: tf.Tensor) -> tf.Tensor:
        everyone = tf.constant([list(range(self._count))], tf.int32)

        @tf.custom_gradient
        def summed(own):
            total = gen_xla_ops.xla_all_reduce(own, everyone, "Add", "CrossReplica")
            return total, self._sum

        return summed(tf.convert_to_tensor(value))
