"""What one replica does with its rows of one batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from framework.augment import Policy
from framework.augment.mix import partners
from framework.augment.normalize import Normalizer
from framework.loop.state import TrainState
from framework.numerics.draws import Draws, use_draws
from framework.optim import step_stats

Sums = dict[str, "tf.Tensor"]


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a batch.

    Attributes:
        images: [rows, height, width, C], as they are in the data set.
        labels: int32 [rows].
        weights: float32 [rows], what each counts in the loss of the batch: 1 over the
            number of examples in the global batch, or 0 for what only fills it up.
        draws: The random numbers of these rows.
    """

    images: tf.Tensor
    labels: tf.Tensor
    weights: tf.Tensor
    draws: Draws

    @property
    def size(self) -> int:
        """How many rows."""
        return self.labels.shape[0]

    def first_half(self) -> Rows:
        """Returns the first half of them."""
        half = slice(self.size // 2)
        draws = dataclasses.replace(self.draws, rows=self.size // 2)
        return Rows(self.images[half], self.labels[half], self.weights[half], draws)


@dataclasses.dataclass(frozen=True, eq=False)
class Objective:
    """What training makes small: cross-entropy of the model on augmented images.

    Attributes:
        model: From images to logits.
        augment: Random changes of the images, or None.
        normalize: Scaling of their pixels.
        batch_size: Examples of a global batch, over which draws are counted.
        label_smoothing: Share of each label spread over all classes.
    """

    model: keras.Model
    augment: Policy | None
    normalize: Normalizer
    batch_size: int
    label_smoothing: float = 0.0

    def seen(self, rows: Rows) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Returns the images that the model is trained on, before they are scaled.

        And float32 [rows], how much of each is its own, where images are mixed; the
        rest, and so much of the label, is its partner's.
        """
        images, own = rows.images, None
        if self.augment:
            images = self.augment(images, rows.draws, self.batch_size)
            if self.augment.has_mix:
                images, own = self.augment.mix(images, rows.draws, rows.weights > 0)
        return images, own

    def logits(self, images: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Returns float32 [rows, K] in training mode."""
        with use_draws(draws):
            logits = self.model(self.normalize(images), training=True)
        return tf.cast(logits, tf.float32)

    def losses(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns float32 [rows] in nats."""
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        if self.label_smoothing:
            # Cross-entropy with the uniform distribution.
            uniform = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=1)
            losses += self.label_smoothing * (uniform - losses)
        return losses

    def gradients(
        self, rows: Rows, weights: Sequence[tf.Variable], scale: tf.Tensor | float
    ) -> tuple[list[tf.Tensor], Sums]:
        """Returns this replica's share of the gradient of `scale` times the loss.

        Args:
            rows: This replica's.
            weights: What to take the gradient by.
            scale: What to multiply the loss by.

        Returns:
            The gradients, and the sums of `SUMS` over the rows; where images are mixed,
            right is the label of which there is more.
        """
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            images, own = self.seen(rows)
            logits = self.logits(images, rows.draws)
            labels, losses = rows.labels, self.losses(rows.labels, logits)
            if own is not None:
                others = partners(labels)
                losses = own * losses + (1.0 - own) * self.losses(others, logits)
                labels = tf.where(own >= 0.5, labels, others)
            loss = tf.reduce_sum(losses * rows.weights)
            if self.model.losses:
                share = tf.cast(tf.shape(losses)[0], tf.float32) / self.batch_size
                loss += share * tf.cast(tf.add_n(self.model.losses), tf.float32)
            loss *= scale
        gradients = tape.gradient(loss, weights, unconnected_gradients="zero")
        # That of an embedding has only the rows that were looked up.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        return gradients, _sums(labels, rows.weights > 0, logits, losses)


@dataclasses.dataclass(frozen=True)
class Update:
    """How gradients become new weights.

    Attributes:
        clip_norm: The largest global norm of the gradient; 0 for any.
        ema_decay: Of the average of the weights; 0 for none.
        skip: Whether to leave out an update of numbers that are not finite.
    """

    clip_norm: float = 0.0
    ema_decay: float = 0.0
    skip: bool = False


def train_step(
    state: TrainState,
    gradients_of: Callable[..., tuple[list[tf.Tensor], Sums]],
    parts: Sequence[Rows],
    update: Update,
    step: tf.Tensor,
    probe: bool = False,
) -> tuple[Sums, dict[str, tf.Tensor]]:
    """Updates the model on one replica's share of a batch.

    The order is the one that gives the same numbers on any number of replicas: sum the
    gradients over them, then undo the loss scale, look for overflow, clip, update.

    Args:
        state: What is changed.
        gradients_of: `Objective.gradients`, perhaps compiled.
        parts: The replica's rows, in the parts in which the batch is gone through.
        update: What to do with the gradients.
        step: int64 scalar, the 0-based index of the update.
        probe: Whether to measure the step.

    Returns:
        The sums of `SUMS` over the replica's rows, and the measurements.
    """
    weights = state.weights
    scale = state.loss_scale.scale.read_value() if state.loss_scale else 1.0
    # Batch norm's statistics change before anything is known of the gradients.
    kept = [tf.identity(variable) for variable in _changed(state) if update.skip]
    gradients, sums, squares = _accumulated(gradients_of, parts, weights, scale)
    context = tf.distribute.get_replica_context()
    if probe and context.num_replicas_in_sync * len(parts) == 1:
        squares = _halves(state.model, gradients_of, parts[0], gradients, scale)
    if context.num_replicas_in_sync > 1:
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    before = [tf.identity(weight) for weight in weights] if probe else []
    if state.loss_scale:
        gradients = _update_if_finite(state, gradients, update)
    else:
        _apply(state, gradients, update)
    if update.ema_decay:
        _average(state, update.ema_decay, step)
    if update.skip:
        sums = _put_back_unless_finite(state, kept, gradients, sums)
    measured = {}
    if probe:
        after = [weight.read_value() for weight in weights]
        measured = step_stats.norms(gradients, before, after)
        groups = context.num_replicas_in_sync * len(squares)
        if groups > 1:
            # A group's share of the gradient is its own divided by their number.
            square = groups * tf.add_n(squares) / tf.square(scale)
            square = context.all_reduce(tf.distribute.ReduceOp.SUM, square)
            whole = tf.square(measured["gradient_norm"])
            rows = context.num_replicas_in_sync * sum(part.size for part in parts)
            measured |= step_stats.noise(square, whole, groups, rows)
    return sums, measured


def _halves(
    model: keras.Model,
    gradients_of: Callable[..., tuple[list[tf.Tensor], Sums]],
    rows: Rows,
    gradients: list[tf.Tensor],
    scale: tf.Tensor | float,
) -> list[tf.Tensor]:
    """Returns the squared norms of what each half of a batch adds to its gradient.

    It takes half a step more. With batch norm there are no such halves, and another
    step would change its statistics: then one number, of the whole, is all there is.
    """
    # Images are mixed in pairs, which must not be parted.
    if rows.size % 4 or model.non_trainable_variables:
        return [step_stats.squared_norm(gradients)]
    weights = [variable.value for variable in model.trainable_variables]
    first, _ = gradients_of(rows.first_half(), weights, scale)
    second = [whole - half for whole, half in zip(gradients, first, strict=True)]
    return [step_stats.squared_norm(first), step_stats.squared_norm(second)]


def _sums(
    labels: tf.Tensor, counted: tf.Tensor, logits: tf.Tensor, losses: tf.Tensor
) -> Sums:
    predicted = tf.argmax(logits, axis=1, output_type=tf.int32)
    correct = counted & (predicted == labels)
    return {
        "examples": tf.reduce_sum(tf.cast(counted, tf.int32)),
        "correct": tf.reduce_sum(tf.cast(correct, tf.int32)),
        "loss": tf.reduce_sum(tf.where(counted, losses, 0.0)),
    }


def _accumulated(
    gradients_of: Callable[..., tuple[list[tf.Tensor], Sums]],
    parts: Sequence[Rows],
    weights: Sequence[tf.Variable],
    scale: tf.Tensor | float,
) -> tuple[list[tf.Tensor], Sums, list[tf.Tensor]]:
    """Returns gradients and sums of all parts, and the squared norm of each."""
    gradients, sums = gradients_of(parts[0], weights, scale)
    squares = [step_stats.squared_norm(gradients)]
    for rows in parts[1:]:
        # One part after the other: together they would need the memory of all.
        with tf.control_dependencies(gradients):
            more, counts = gradients_of(rows, weights, scale)
        squares.append(step_stats.squared_norm(more))
        gradients = [a + b for a, b in zip(gradients, more, strict=True)]
        sums = {name: sums[name] + counts[name] for name in sums}
    return gradients, sums, squares


def _apply(state: TrainState, gradients: list[tf.Tensor], update: Update) -> None:
    if update.clip_norm:
        gradients, _ = tf.clip_by_global_norm(gradients, update.clip_norm)
    state.optimizer.apply(gradients, state.model.trainable_variables)


def _update_if_finite(
    state: TrainState, gradients: list[tf.Tensor], update: Update
) -> list[tf.Tensor]:
    """Updates the weights unless float16 has overflowed; returns the true gradients.

    An optimizer cannot be called under a condition in a replica: it is called anyway,
    and what it changed is put back.
    """
    gradients = state.loss_scale.unscale(gradients)
    finite = tf.reduce_all(
        [tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients]
    )
    changed = state.weights + [v.value for v in state.optimizer.variables]
    before = [tf.identity(variable) for variable in changed]
    _apply(state, gradients, update)
    for variable, old in zip(changed, before, strict=True):
        variable.assign(tf.where(finite, variable.read_value(), old))
    state.loss_scale.update(finite)
    return gradients


def _changed(state: TrainState) -> list[tf.Variable]:
    """Returns what a step changes, but for what it counts."""
    variables = [*state.model.variables, *state.optimizer.variables]
    return [variable.value for variable in variables] + state.ema


def _put_back_unless_finite(
    state: TrainState, kept: list[tf.Tensor], gradients: list[tf.Tensor], sums: Sums
) -> Sums:
    """Undoes a step whose numbers were not finite, and counts it.

    Returns:
        The sums; none of such a step.
    """
    context = tf.distribute.get_replica_context()
    loss = context.all_reduce(tf.distribute.ReduceOp.SUM, sums["loss"])
    # The gradients of float16 have been looked after: they may overflow now and then.
    tested = [loss] if state.loss_scale else [loss, *gradients]
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(each)) for each in tested])
    for variable, old in zip(_changed(state), kept, strict=True):
        variable.assign(tf.where(finite, variable.read_value(), old))
    skipped, in_a_row = (state.nonfinite[name] for name in ("skipped", "in_a_row"))
    skipped.assign(skipped + tf.cast(~finite, skipped.dtype))
    in_a_row.assign(tf.where(finite, tf.zeros_like(in_a_row), in_a_row + 1))
    return {
        name: tf.where(finite, value, tf.zeros_like(value))
        for name, value in sums.items()
    }


def _average(state: TrainState, decay: float, step: tf.Tensor) -> None:
    """Moves the average of the weights; faster at first, as TensorFlow's own does."""
    t = tf.cast(step, tf.float32)
    decay = tf.minimum(decay, (1.0 + t) / (10.0 + t))
    for average, weight in zip(state.ema, state.weights, strict=True):
        average.assign(average + (1.0 - decay) * (weight - average))


def eval_step(
    model: keras.Model, normalize: Normalizer, images: tf.Tensor, labels: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Returns what the model says of each example: [rows] each, see `Predictions`.

    Args:
        model: From images to logits.
        normalize: Scaling of pixels.
        images: [rows, height, width, C], as they are in the data set.
        labels: int32 [rows].
    """
    logits = tf.cast(model(normalize(images), training=False), tf.float32)
    num_classes = logits.shape[1]
    true = tf.gather(logits, labels, batch_dims=1)[:, None]
    # Equal logits rank by their index, so that rank 0 is what argmax finds.
    earlier = tf.range(num_classes)[None] < labels[:, None]
    ahead = (logits > true) | ((logits == true) & earlier)
    rank = tf.reduce_sum(tf.cast(ahead, tf.int32), axis=1)
    finite = tf.reduce_all(tf.math.is_finite(logits), axis=1)
    return {
        "labels": labels,
        "predicted": tf.argmax(logits, axis=1, output_type=tf.int32),
        "rank": tf.where(finite, rank, num_classes),
        "confidence": tf.reduce_max(tf.nn.softmax(logits), axis=1),
        "losses": tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits),
    }
