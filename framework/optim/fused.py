"""Keras's optimizers with each variable updated by one kernel of TensorFlow.

The formulas and the state are Keras's; it computes them by a dozen small ops for each
variable, which takes a seventh of a step of a small network.
"""

from __future__ import annotations

import keras
import tensorflow as tf


class Adam(keras.optimizers.Adam):
    """Adam (Kingma & Ba, 2015)."""

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        # Once for all variables; Keras does it for each.
        step = tf.cast(self.iterations + 1, tf.float32)
        bias = tf.sqrt(1.0 - tf.pow(self.beta_2, step)) / (
            1.0 - tf.pow(self.beta_1, step)
        )
        super()._backend_update_step(grads, trainable_variables, learning_rate * bias)

    def update_step(self, gradient, variable, learning_rate):
        """Updates a variable, as Keras asks for."""
        index = self._get_variable_index(variable)

        def number(value: float | tf.Tensor) -> tf.Tensor:
            return tf.cast(value, variable.dtype)

        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            # The bias is corrected already.
            beta1_power=number(0.0),
            beta2_power=number(0.0),
            lr=number(learning_rate),
            beta1=number(self.beta_1),
            beta2=number(self.beta_2),
            epsilon=number(self.epsilon),
            grad=number(gradient),
        )


class SGD(keras.optimizers.SGD):
    """Stochastic gradient descent."""

    def update_step(self, gradient, variable, learning_rate):
        """Updates a variable, as Keras asks for."""
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
