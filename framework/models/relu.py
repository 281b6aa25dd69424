"""ReLU, of a tensor or of a sum of two, with a gradient that costs less in bfloat16.

There TensorFlow's kernel of it is slow, and XLA's is not, but only along a long axis:
images of few channels are flattened for it. In float32 TensorFlow is the faster one.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("whyflat")
class ReLU(keras.layers.ReLU):
    """Keras's own, of the same numbers."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns a tensor like `inputs`."""
        plain = self.max_value is None and not (self.negative_slope or self.threshold)
        if not plain or inputs.dtype != tf.bfloat16:
            return super().call(inputs)
        return _relu(inputs)


@keras.saving.register_keras_serializable("whyflat")
class AddReLU(keras.layers.Layer):
    """The ReLU of a sum of two tensors, given twice: for the next block and around it.

    It gives the numbers of Keras's `Add` and `ReLU`. In bfloat16, in training, XLA goes
    through the tensors once each way, where TensorFlow does so twice. Backward, what
    comes from the next block and from around it is summed here as well, which is why
    the tensor is given twice.
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
        return list(_add_relu(*inputs))

    def compute_output_shape(self, input_shape: list[tuple]) -> list[tuple]:
        """Returns the shape of an input, twice."""
        return [input_shape[0], input_shape[0]]


@tf.custom_gradient
def _relu(inputs: tf.Tensor) -> tuple:
    # Forward, oneDNN does it within the batch norm before it.
    outputs = tf.nn.relu(inputs)

    def gradient(upstream):
        return _flat(_mask, upstream, outputs)

    return outputs, gradient


@tf.custom_gradient
def _add_relu(first: tf.Tensor, second: tf.Tensor) -> tuple:
    outputs = _flat(_sum_relu, first, second)

    def gradient(next_block, around):
        found = _flat(_mask_sum, next_block, around, outputs)
        return found, found

    return (outputs, tf.identity(outputs)), gradient


def _flat(function: Callable[..., tf.Tensor], *tensors: tf.Tensor) -> tf.Tensor:
    """Returns a function of flattened tensors, of the shape that all of them have."""
    found = function(*(tf.reshape(each, [-1]) for each in tensors))
    found = tf.reshape(found, tf.shape(tensors[0]))
    return tf.ensure_shape(found, tensors[0].shape)


@tf.function(jit_compile=True, autograph=False)
def _mask(upstream: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    return tf.where(outputs > 0, upstream, tf.zeros_like(upstream))


@tf.function(jit_compile=True, autograph=False)
def _sum_relu(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(first + second)


@tf.function(jit_compile=True, autograph=False)
def _mask_sum(
    next_block: tf.Tensor, around: tf.Tensor, outputs: tf.Tensor
) -> tf.Tensor:
    total = next_block + around
    return tf.where(outputs > 0, total, tf.zeros_like(total))
