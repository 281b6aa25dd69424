"""Keras's Adam and SGD with a fused TensorFlow kernel for each variable.

Formulas and state are Keras's. Its dozen small operations for each variable take a
seventh of a step of a small network.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf


class Adam(keras.optimizers.Adam):
    """Adam (Kingma & Ba, 2015)."""

    def _backend_update_step(
        self,
        grads: Sequence[tf.Tensor],
        trainable_variables: Sequence[keras.Variable],
        learning_rate: tf.Tensor,
    ) -> None:
        # The bias correction, once for all variables; Keras repeats it for each.
        step = tf.cast(self.iterations + 1, tf.float32)
        bias = tf.sqrt(1.0 - tf.pow(self.beta_2, step)) / (
            1.0 - tf.pow(self.beta_1, step)
        )
        super()._backend_update_step(grads, trainable_variables, learning_rate * bias)

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates one variable; Keras calls it."""
        index = self._get_variable_index(variable)

        def scalar(value: float | tf.Tensor) -> tf.Tensor:
            return tf.cast(value, variable.dtype)

        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            # The learning rate contains the bias correction already.
            beta1_power=scalar(0.0),
            beta2_power=scalar(0.0),
            lr=scalar(learning_rate),
            beta1=scalar(self.beta_1),
            beta2=scalar(self.beta_2),
            epsilon=scalar(self.epsilon),
            grad=scalar(gradient),
        )


class SGD(keras.optimizers.SGD):
    """Stochastic gradient descent."""

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates one variable; Keras calls it."""
        rate = tf.cast(learning_rate, variable.dtype)
        gradient = tf.cast(gradient, variable.dtype)
        if not self.momentum:
            tf.raw_ops.ResourceApplyGradientDescent(
                var=variable.handle, alpha=rate, delta=gradient
            )
            return
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=self.momentums[self._get_variable_index(variable)].value.handle,
            lr=rate,
            grad=gradient,
            momentum=tf.cast(self.momentum, variable.dtype),
            use_nesterov=self.nesterov,
        )
