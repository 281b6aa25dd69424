"""Gradients and sums of a batch in equal shards, by one tree on any number of devices.

Sums of floating-point numbers depend on their order. Here the batch is divided into
shards whose number does not depend on that of the devices. Each is computed by the same
kernels on tensors of the same shapes, and all are added by one binary tree over the
shards, ((0 + 1) + (2 + 3)) and so on. A device has a subtree of it, as the numbers of
shards and devices are powers of two; only the roots of the subtrees are exchanged.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from framework.loop.example_losses import Sums
from framework.loop.objective import GradientFunction, MicroBatch
from framework.optim import step_stats


@dataclasses.dataclass(frozen=True, eq=False)
class Shards:
    """The shards of a batch that one replica computes, one after another.

    Attributes:
        at: Returns a shard by its index on this replica, an int32 scalar.
        local: The number of shards of this replica, a power of two.
        total: The number of shards of the batch, a power of two.
        size: The number of examples of the batch, with padding.
    """

    at: Callable[[tf.Tensor], MicroBatch]
    local: int
    total: int
    size: int


def sum_gradients(
    gradients_of: GradientFunction,
    shards: Shards,
    weights: Sequence[tf.Variable],
    scale: tf.Tensor | float,
    measure: bool = False,
) -> tuple[list[tf.Tensor], Sums, tf.Tensor]:
    """Returns gradients and sums of the whole batch, the same bits on each replica.

    Call it in a replica's context. It needs memory for the activations of one shard,
    and for log2(local) + 2 gradients and one of each replica.

    Args:
        gradients_of: As in `train_step`.
        shards: The replica's shards.
        weights: The variables to differentiate by.
        scale: Factor of the loss.
        measure: Whether to compute squared norms.

    Returns:
        The gradients; the sums over the batch, with those of the moments of batch norm;
        and the sum over shards of the squared norm of each shard's gradient, a float32
        scalar, 0 if it is not measured.
    """

    def values(index: tf.Tensor) -> tuple[list[tf.Tensor], Sums, tf.Tensor]:
        gradients, sums = gradients_of(shards.at(index), weights, scale)
        square = step_stats.squared_norm(gradients) if measure else tf.zeros([])
        return gradients, sums, square

    root, structure = _local_sum(values, shards.local)
    return _unpacked(_sum_over_replicas(root), structure)


def _local_sum(values: Callable[[tf.Tensor], Any], count: int) -> tuple[tf.Tensor, Any]:
    """Sums tensors over indices by a binary tree.

    A loop, so that no optimization of TensorFlow's graphs changes the order of the
    additions, and shards are compiled alike whatever their number.

    Args:
        values: Returns a structure of tensors for an index.
        count: The number of indices, a power of two.

    Returns:
        The sums as one vector, and the structure with tf.TensorSpecs.
    """
    levels = count.bit_length() - 1
    structures: list[Any] = []

    def body(
        index: tf.Tensor, partials: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.TensorArray]:
        tensors = values(index)
        structures.append(tf.nest.map_structure(_spec, tensors))

        def add(level: tf.Tensor, vector: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            earlier = tf.ensure_shape(partials.read(level), vector.shape)
            return level + 1, earlier + vector

        # As a binary counter carries: a full subtree is added to its left neighbour.
        level, vector = tf.while_loop(
            lambda level, _: tf.bitwise.right_shift(index, level) % 2 == 1,
            add,
            (tf.constant(0), _packed(tensors)),
            parallel_iterations=1,
        )
        return index + 1, partials.write(level, vector)

    partials = tf.TensorArray(
        tf.float32, levels + 1, clear_after_read=False, infer_shape=False
    )
    _, partials = tf.while_loop(
        lambda index, _: index < count,
        body,
        (tf.constant(0), partials),
        parallel_iterations=1,
    )
    return partials.read(levels), structures[-1]


def _sum_over_replicas(root: tf.Tensor) -> tf.Tensor:
    """Sums a vector over the replicas by a binary tree in their order."""
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    roots = root[None]
    if replicas > 1:
        roots = context.all_gather(roots, axis=0)
    while replicas > 1:
        roots = roots[0::2] + roots[1::2]
        replicas //= 2
    return roots[0]


def _spec(tensor: tf.Tensor) -> tf.TensorSpec:
    return tf.TensorSpec(tensor.shape, tensor.dtype)


def _packed(tensors: Any) -> tf.Tensor:
    """Returns a structure of tensors as one float32 vector.

    Counts of examples are exact up to 2**24.
    """
    flat = [
        tf.reshape(tf.cast(tensor, tf.float32), [-1])
        for tensor in tf.nest.flatten(tensors)
    ]
    return tf.concat(flat, axis=0)


def _unpacked(vector: tf.Tensor, structure: Any) -> Any:
    """Returns the structure of tensors that `_packed` has made a vector of."""
    specs = tf.nest.flatten(structure)
    sizes = [spec.shape.num_elements() for spec in specs]
    parts = tf.split(tf.ensure_shape(vector, [sum(sizes)]), sizes)
    tensors = [
        tf.cast(tf.reshape(part, spec.shape), spec.dtype)
        for part, spec in zip(parts, specs, strict=True)
    ]
    return tf.nest.pack_sequence_as(structure, tensors)
