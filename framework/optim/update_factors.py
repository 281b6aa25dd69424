"""Factors of weight updates, of frozen weights and of those that learn more slowly.

They multiply what the optimizer adds to a weight, weight decay included. A factor of
the gradient would have no effect on Adam, which divides by the gradient's size.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf


class UpdateFactors:
    """The factors of the updates of a model's trainable variables.

    Weights that are never trained have no gradients. The optimizer's moments of weights
    that are frozen for a time are updated meanwhile: Adam would begin with steps of
    three times its usual length if they were 0 late in a run.

    Args:
        variables: The trainable variables.
        factors: Their factors; () if all are 1.
        frozen_until: The steps from which they are trained, None for never; () if all
            are trained from the beginning.

    Attributes:
        variables: Those that are ever trained.
    """

    def __init__(
        self,
        variables: Sequence[keras.Variable],
        factors: Sequence[float] = (),
        frozen_until: Sequence[int | None] = (),
    ):
        factors = factors or [1.0] * len(variables)
        times = frozen_until or [0] * len(variables)
        rows = [
            (variable, factor, time)
            for variable, factor, time in zip(variables, factors, times, strict=True)
            if time is not None
        ]
        self.variables = [variable for variable, _, _ in rows]
        self._factors = [factor for _, factor, _ in rows]
        self._times = [time for _, _, time in rows]

    @property
    def weights(self) -> list[tf.Variable]:
        """The TensorFlow variables of `variables`."""
        return [variable.value for variable in self.variables]

    def clipped(
        self, gradients: Sequence[tf.Tensor], clip_norm: float, step: tf.Tensor
    ) -> list[tf.Tensor]:
        """Clips gradients by the global norm of those that are not frozen.

        Args:
            gradients: The gradients by `variables`.
            clip_norm: The maximum norm.
            step: int64 scalar, the 0-based index of the update.
        """
        live = [
            tf.where(step < time, tf.zeros_like(gradient), gradient)
            if time
            else gradient
            for gradient, time in zip(gradients, self._times, strict=True)
        ]
        norm = tf.linalg.global_norm(live)
        clipped, _ = tf.clip_by_global_norm(list(gradients), clip_norm, use_norm=norm)
        return clipped

    def apply(
        self,
        optimizer: keras.optimizers.Optimizer,
        gradients: Sequence[tf.Tensor],
        step: tf.Tensor,
    ) -> None:
        """Updates the variables, in a replica's context.

        Args:
            optimizer: Built for all trainable variables.
            gradients: The gradients by `variables`.
            step: int64 scalar, the 0-based index of the update.
        """
        changed = [
            (variable.value, tf.identity(variable.value), factor, time)
            for variable, factor, time in zip(
                self.variables, self._factors, self._times, strict=True
            )
            if factor != 1.0 or time
        ]
        optimizer.apply(gradients, self.variables)
        for variable, before, factor, time in changed:
            after = variable.read_value()
            if factor != 1.0:
                after = before + factor * (after - before)
            if time:
                after = tf.where(step < time, before, after)
            variable.assign(after)
