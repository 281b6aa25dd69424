"""A training step of one replica: gradients of its micro-batches, and the update."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from framework.loop.example_losses import Sums
from framework.loop.objective import GradientFunction, MicroBatch
from framework.loop.shards import Shards, sum_gradients
from framework.loop.state import TrainState
from framework.numerics import moments
from framework.optim import step_stats
from framework.optim.precision import LossScale


@dataclasses.dataclass(frozen=True)
class Update:
    """Settings of the weight update.

    Attributes:
        clip_norm: The maximum global norm of the gradient; 0 for no clipping.
        ema_decay: Decay of the moving average of the weights; 0 for none.
        skip: Whether to skip updates with numbers that are not finite.
    """

    clip_norm: float = 0.0
    ema_decay: float = 0.0
    skip: bool = False


def train_step(
    state: TrainState,
    gradients_of: GradientFunction,
    batches: Sequence[MicroBatch] | Shards,
    update: Update,
    step: tf.Tensor,
    measure: bool = False,
    is_divisible: bool = True,
) -> tuple[Sums, dict[str, tf.Tensor]]:
    """Updates the model on one replica's share of a batch.

    The order gives the same numbers on any number of replicas: sum the gradients over
    them, undo the loss scale, check for overflow, clip, update.

    Args:
        state: The training state; changed.
        gradients_of: `Objective.gradients`, or the same compiled by XLA.
        batches: The replica's micro-batches, or its shards.
        update: Settings of the update.
        step: int64 scalar, the 0-based index of the update.
        measure: Whether to measure the step.
        is_divisible: Whether the loss of the batch is a sum over its examples, so that
            parts of it have gradients of their own, whose noise is measured.

    Returns:
        The sums over the replica's examples, as `gradients`, but of shards over those
        of all replicas; and the statistics.
    """
    scale = state.loss_scale.scale.read_value() if state.loss_scale else 1.0
    # Batch-norm statistics change before the gradients are known to be finite.
    saved = [tf.identity(variable) for variable in _changed(state) if update.skip]
    if isinstance(batches, Shards):
        total = _sum_shards(state, gradients_of, batches, scale, step, measure)
    else:
        halve = measure and is_divisible
        total = _sum_micro_batches(state, gradients_of, batches, scale, halve)
    gradients, sums, weights = total.gradients, total.sums, state.factors.weights
    before = [tf.identity(weight) for weight in weights] if measure else []
    if state.loss_scale:
        gradients = _apply_if_finite(state, state.loss_scale, gradients, update, step)
    else:
        _apply(state, gradients, update, step)
    if update.ema_decay:
        _update_average(state, update.ema_decay, step)
    if update.skip:
        sums = _undo_unless_finite(state, saved, gradients, sums, total.loss())
    statistics = {}
    if measure:
        after = [weight.read_value() for weight in weights]
        statistics = step_stats.norms(gradients, before, after)
        if is_divisible and total.groups > 1:
            square = total.group_square() / tf.square(scale)
            whole = tf.square(statistics["gradient_norm"])
            statistics |= step_stats.noise(square, whole, total.groups, total.size)
    return sums, statistics


@dataclasses.dataclass(frozen=True, eq=False)
class _Total:
    """The gradient of a batch, and sums over its examples.

    Attributes:
        gradients: The gradients, of all replicas.
        sums: The sums over the examples, of one replica or of all.
        square: The sum over groups of examples, of one replica or of all, of the
            squared norm of the group's contribution to the gradient.
        groups: The number of groups of all replicas.
        size: The number of examples of all replicas.
        is_global: Whether `sums` and `square` are of all replicas.
    """

    gradients: list[tf.Tensor]
    sums: Sums
    square: tf.Tensor
    groups: int
    size: int
    is_global: bool

    def loss(self) -> tf.Tensor:
        """Returns the sum of the losses of all replicas."""
        return self._global(self.sums["loss"])

    def group_square(self) -> tf.Tensor:
        """Returns the mean over the groups of the squared norm of their gradients."""
        # A group's contribution is its own gradient divided by their number.
        return self._global(self.groups * self.square)

    def _global(self, value: tf.Tensor) -> tf.Tensor:
        if self.is_global:
            return value
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def _sum_shards(
    state: TrainState,
    gradients_of: GradientFunction,
    shards: Shards,
    scale: tf.Tensor | float,
    step: tf.Tensor,
    measure: bool,
) -> _Total:
    """Sums over shards; updates the moving averages of batch norm."""
    gradients, sums, square = sum_gradients(
        gradients_of, shards, state.factors.weights, scale, measure
    )
    sums = moments.update_averages(state.model, sums, shards.total, step)
    return _Total(gradients, sums, square, shards.total, shards.size, is_global=True)


def _sum_micro_batches(
    state: TrainState,
    gradients_of: GradientFunction,
    batches: Sequence[MicroBatch],
    scale: tf.Tensor | float,
    halve: bool,
) -> _Total:
    """Sums gradients over micro-batches and replicas.

    Args:
        state: The training state.
        gradients_of: As in `train_step`.
        batches: The replica's micro-batches.
        scale: Factor of the loss.
        halve: Whether to divide a single micro-batch into two groups if possible.
    """
    weights = state.factors.weights
    gradients, sums, squares = _accumulate(gradients_of, batches, weights, scale)
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    if halve and replicas * len(batches) == 1:
        squares = _squares_of_halves(state, gradients_of, batches[0], gradients, scale)
    if replicas > 1:
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    size = replicas * sum(batch.size for batch in batches)
    groups = replicas * len(squares)
    return _Total(gradients, sums, tf.add_n(squares), groups, size, is_global=False)


def _squares_of_halves(
    state: TrainState,
    gradients_of: GradientFunction,
    batch: MicroBatch,
    gradients: list[tf.Tensor],
    scale: tf.Tensor | float,
) -> list[tf.Tensor]:
    """Returns the squared norm of each half's contribution to the gradient.

    It costs half a step. With batch norm, halves have no gradients of their own, and
    another pass would change the statistics: then there is one number, of the whole.
    """
    # Images are mixed in pairs, which must not be divided.
    if batch.size % 4 or state.model.non_trainable_variables:
        return [step_stats.squared_norm(gradients)]
    first, _ = gradients_of(batch.first_half(), state.factors.weights, scale)
    second = [whole - half for whole, half in zip(gradients, first, strict=True)]
    return [step_stats.squared_norm(first), step_stats.squared_norm(second)]


def _accumulate(
    gradients_of: GradientFunction,
    batches: Sequence[MicroBatch],
    weights: Sequence[tf.Variable],
    scale: tf.Tensor | float,
) -> tuple[list[tf.Tensor], Sums, list[tf.Tensor]]:
    """Returns the summed gradients, the sums, and the squared norm of each gradient."""
    gradients, sums = gradients_of(batches[0], weights, scale)
    squares = [step_stats.squared_norm(gradients)]
    for batch in batches[1:]:
        # Sequentially, so that only one needs memory for its activations.
        with tf.control_dependencies(gradients):
            more, counts = gradients_of(batch, weights, scale)
        squares.append(step_stats.squared_norm(more))
        gradients = [a + b for a, b in zip(gradients, more, strict=True)]
        sums = {name: sums[name] + counts[name] for name in sums}
    return gradients, sums, squares


def _apply(
    state: TrainState, gradients: list[tf.Tensor], update: Update, step: tf.Tensor
) -> None:
    if update.clip_norm:
        gradients = state.factors.clipped(gradients, update.clip_norm, step)
    state.factors.apply(state.optimizer, gradients, step)


def _apply_if_finite(
    state: TrainState,
    loss_scale: LossScale,
    gradients: list[tf.Tensor],
    update: Update,
    step: tf.Tensor,
) -> list[tf.Tensor]:
    """Updates the weights unless float16 has overflowed; returns unscaled gradients.

    A replica cannot call an optimizer conditionally. It is called in any case, and its
    changes are undone after an overflow.
    """
    gradients = loss_scale.unscale(gradients)
    finite = tf.reduce_all(
        [tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients]
    )
    changed = state.weights + [v.value for v in state.optimizer.variables]
    before = [tf.identity(variable) for variable in changed]
    _apply(state, gradients, update, step)
    for variable, old in zip(changed, before, strict=True):
        variable.assign(tf.where(finite, variable.read_value(), old))
    loss_scale.update(finite)
    return gradients


def _changed(state: TrainState) -> list[tf.Variable]:
    """Returns the variables that a step changes, apart from counters."""
    variables = [*state.model.variables, *state.optimizer.variables]
    return [variable.value for variable in variables] + state.ema


def _undo_unless_finite(
    state: TrainState,
    saved: list[tf.Tensor],
    gradients: list[tf.Tensor],
    sums: Sums,
    loss: tf.Tensor,
) -> Sums:
    """Undoes and counts a step whose numbers were not finite.

    Args:
        state: The training state.
        saved: The values of `_changed` before the step.
        gradients: The gradients of all replicas.
        sums: The sums over the examples.
        loss: The sum of the losses of all replicas.

    Returns:
        The sums; 0 for such a step.
    """
    # Overflows of float16 gradients are expected, and handled by the loss scale.
    tested = [loss] if state.loss_scale else [loss, *gradients]
    finite = tf.reduce_all(
        [tf.reduce_all(tf.math.is_finite(tensor)) for tensor in tested]
    )
    for variable, old in zip(_changed(state), saved, strict=True):
        variable.assign(tf.where(finite, variable.read_value(), old))
    skipped, in_a_row = (state.nonfinite[name] for name in ("skipped", "in_a_row"))
    skipped.assign(skipped + tf.cast(~finite, skipped.dtype))
    in_a_row.assign(tf.where(finite, tf.zeros_like(in_a_row), in_a_row + 1))
    return {
        name: tf.where(finite, value, tf.zeros_like(value))
        for name, value in sums.items()
    }


def _update_average(state: TrainState, decay: float, step: tf.Tensor) -> None:
    """Updates the moving average of the weights, with less decay in early steps.

    The decay is that of tf.train.ExponentialMovingAverage with `num_updates`.
    """
    t = tf.cast(step, tf.float32)
    decay = tf.minimum(decay, (1.0 + t) / (10.0 + t))
    for average, weight in zip(state.ema, state.weights, strict=True):
        average.assign(average + (1.0 - decay) * (weight - average))
