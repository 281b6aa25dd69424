"""The training objective: a micro-batch's contribution to the loss and its gradient."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import keras
import tensorflow as tf

from framework import compiled
from framework.augment import Policy
from framework.augment.normalize import Normalizer
from framework.loop import example_losses
from framework.loop.example_losses import Sums
from framework.losses import Loss, hardest, per_example
from framework.numerics import moments
from framework.numerics.draws import Draws, use_draws


@dataclasses.dataclass(frozen=True, eq=False)
class MicroBatch:
    """The examples of a batch that one replica processes at once.

    Attributes:
        images: [B, height, width, C], as in the data set.
        labels: int32 [B]; or [B, K] of 0 and 1, where there are several each.
        example_weights: float32 [B], the weight of each example in the loss of the
            batch: 1 / (examples of the global batch), or 0 for padding.
        draws: The random numbers of these examples.
        own_weights: float32 [B], the weight of each example in the data set, by which
            its loss is multiplied as well; None if all count the same.
    """

    images: tf.Tensor
    labels: tf.Tensor
    example_weights: tf.Tensor
    draws: Draws
    own_weights: tf.Tensor | None = None

    @property
    def size(self) -> int:
        """The number of examples, with padding."""
        return self.labels.shape[0]

    @property
    def is_example(self) -> tf.Tensor:
        """Which examples are not padding, bool [B]."""
        return self.example_weights > 0

    def first_half(self) -> MicroBatch:
        """Returns the first half of the examples."""
        half = slice(self.size // 2)
        return MicroBatch(
            self.images[half],
            self.labels[half],
            self.example_weights[half],
            dataclasses.replace(self.draws, rows=self.size // 2),
            None if self.own_weights is None else self.own_weights[half],
        )


class GradientFunction(Protocol):
    """Computes gradients and sums, such as `Objective.gradients`."""

    def __call__(
        self,
        batch: MicroBatch,
        weights: Sequence[tf.Variable],
        scale: tf.Tensor | float,
    ) -> tuple[list[tf.Tensor], Sums]:
        """See `Objective.gradients`."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Objective:
    """The training objective: the loss of the model on augmented images.

    Attributes:
        model: Maps normalized images to logits.
        augment: Augmentation of the images, or None.
        normalize: Normalization of pixels.
        batch_size: Examples per global batch.
        loss: The loss of each example, from labels and logits.
        kept_fraction: The fraction of the global batch, of the largest losses, whose
            mean is the loss of the batch; 1 for all. With less, a batch must not be
            divided into micro-batches.
        is_sharded: Whether a micro-batch is a shard, with batch-norm statistics of its
            own; see `framework.loop.shards`.
    """

    model: keras.Model
    augment: Policy | None
    normalize: Normalizer
    batch_size: int
    loss: Loss = per_example.cross_entropy
    kept_fraction: float = 1.0
    is_sharded: bool = False

    def augmented(self, batch: MicroBatch) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Augments images.

        Returns:
            The images, not yet normalized; and the fraction of each that is its own,
            float32 [B], or None if images are not mixed. The rest of an image, and that
            fraction of its label, is its partner's.
        """
        images, own_fraction = batch.images, None
        if self.augment:
            images = self.augment(images, batch.draws, self.batch_size)
            if self.augment.has_mix:
                images, own_fraction = self.augment.mix(
                    images, batch.draws, batch.is_example
                )
        return images, own_fraction

    def logits(self, images: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Returns the logits in training mode, float32 [B, K].

        Args:
            images: [B, height, width, C], augmented but not normalized.
            draws: Random numbers of the model, for example of dropout.
        """
        with use_draws(draws):
            logits = self.model(self.normalize(images), training=True)
        return tf.cast(logits, tf.float32)

    def losses(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each example, float32 [B].

        Args:
            labels: int32 [B].
            logits: float32 [B, K].
        """
        return self.loss(labels, logits)

    def gradients(
        self,
        batch: MicroBatch,
        weights: Sequence[tf.Variable],
        scale: tf.Tensor | float,
    ) -> tuple[list[tf.Tensor], Sums]:
        """Returns a micro-batch's contribution to the gradient of the scaled loss.

        Args:
            batch: The micro-batch.
            weights: The variables to differentiate by.
            scale: Factor of the loss.

        Returns:
            The gradients, and the sums over the examples that `state.SUMS` names. A
            mixed image is correct if its dominant label is predicted. Of a shard, also
            the moments of batch norm, by `numerics.moments.named`.
        """
        images, own_fraction = self.augmented(batch)
        return self.gradients_at(images, own_fraction, batch, weights, scale)

    def gradients_at(
        self,
        images: tf.Tensor,
        own_fraction: tf.Tensor | None,
        batch: MicroBatch,
        weights: Sequence[tf.Variable],
        scale: tf.Tensor | float,
    ) -> tuple[list[tf.Tensor], Sums]:
        """Returns the same as `gradients`, for augmented images.

        Args:
            images: From `augmented`.
            own_fraction: From `augmented`.
            batch: The micro-batch.
            weights: The variables to differentiate by.
            scale: Factor of the loss.
        """
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            with moments.of_shard(self.is_sharded) as taken:
                logits = self.logits(images, batch.draws)
            examples = example_losses.losses(
                self.loss, batch.labels, logits, own_fraction, batch.own_weights
            )
            factors = batch.example_weights
            if self.kept_fraction < 1:
                factors = hardest.factors(
                    examples.weighted, batch.is_example, self.kept_fraction
                )
            loss = tf.reduce_sum(examples.weighted * factors)
            if self.model.losses:
                fraction = tf.cast(batch.size, tf.float32) / self.batch_size
                loss += fraction * tf.cast(tf.add_n(self.model.losses), tf.float32)
            loss *= scale
        gradients = tape.gradient(loss, weights, unconnected_gradients="zero")
        # The gradient of an embedding is sparse.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        sums = example_losses.sums(examples, batch.is_example, logits)
        return gradients, {**sums, **moments.named(self.model, taken)}


def jit_compiled(
    gradients_of: GradientFunction,
) -> GradientFunction:
    """Returns `Objective.gradients` compiled by XLA."""

    def call(
        batch: MicroBatch,
        weights: Sequence[tf.Variable],
        scale: tf.Tensor | float,
    ) -> tuple[list[tf.Tensor], Sums]:
        # XLA takes tensors only.
        def gradients(
            images: tf.Tensor,
            labels: tf.Tensor,
            example_weights: tf.Tensor,
            own_weights: tf.Tensor | None,
            step: tf.Tensor,
            start: tf.Tensor,
            scale: tf.Tensor,
        ) -> tuple[list[tf.Tensor], Sums]:
            draws = dataclasses.replace(batch.draws, step=step, start=start)
            inner = MicroBatch(images, labels, example_weights, draws, own_weights)
            return gradients_of(inner, weights, scale)

        return compiled.function(gradients, jit_compile=True)(
            batch.images,
            batch.labels,
            batch.example_weights,
            batch.own_weights,
            batch.draws.step,
            batch.draws.start,
            tf.convert_to_tensor(scale, tf.float32),
        )

    return call
