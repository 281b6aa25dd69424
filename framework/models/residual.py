"""The end of a residual block as one layer, with a gradient that costs less."""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("headroom")
class AddReLU(keras.layers.Layer):
    """The ReLU of a sum of two tensors, given twice: for the next block and around it.

    It gives the numbers of Keras's `Add` and `ReLU`. In bfloat16, in training, XLA goes
    through the tensors once each way, where TensorFlow does so twice, and slowly; in
    float32 TensorFlow is the faster one. Backward, what comes from the next block and
    from around it is summed here as well, which is why the tensor is given twice.
    """

    def call(self, inputs: list[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        """Returns the same tensor twice.

        Args:
            inputs: Two tensors of one shape.
            training: Whether there will be gradients.
        """
        if not training or inputs[0].dtype != tf.bfloat16:
            outputs = tf.nn.relu(inputs[0] + inputs[1])
            return [outputs, outputs]
        return list(_twice(*inputs))

    def compute_output_shape(self, input_shape: list[tuple]) -> list[tuple]:
        """Returns the shape of an input, twice."""
        return [input_shape[0], input_shape[0]]


@tf.custom_gradient
def _twice(first: tf.Tensor, second: tf.Tensor) -> tuple:
    outputs = _forward(first, second)

    def gradient(next_block, around):
        found = _backward(next_block, around, outputs)
        return found, found

    return (outputs, tf.identity(outputs)), gradient


def _add_relu(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(first + second)


def _mask_sum(next_block: tf.Tensor, around: tf.Tensor, outputs: tf.Tensor):
    total = next_block + around
    return tf.where(outputs > 0, total, tf.zeros_like(total))


_forward = tf.function(_add_relu, jit_compile=True, autograph=False)
_backward = tf.function(_mask_sum, jit_compile=True, autograph=False)
