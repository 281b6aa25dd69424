"""ReLU of a tensor or of a sum of two, with a cheaper gradient in bfloat16.

In bfloat16 TensorFlow's kernel is slow. XLA's is fast, but only along a long axis, so
that tensors are flattened. In float32 TensorFlow is faster.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

_Shape = tuple[int | None, ...]
# The function from upstream gradients to those of the inputs.
_Gradient = Callable[..., "tf.Tensor | tuple[tf.Tensor, tf.Tensor]"]


@keras.saving.register_keras_serializable("whyflat")
class ReLU(keras.layers.ReLU):
    """Keras's ReLU with a cheaper gradient in bfloat16 and the same results.

    >>> ReLU()(tf.constant([-1.0, 2.0])).numpy().tolist()
    [0.0, 2.0]
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns a tensor like `inputs`."""
        is_plain = self.max_value is None and not (
            self.negative_slope or self.threshold
        )
        if not is_plain or inputs.dtype != tf.bfloat16:
            return super().call(inputs)
        return _relu(inputs)


@keras.saving.register_keras_serializable("whyflat")
class AddReLU(keras.layers.Layer):
    """ReLU of a sum of two tensors, returned twice: for a residual block's two paths.

    It has the results of Keras's `Add` and `ReLU`. In bfloat16 training, XLA reads the
    tensors once in each direction, TensorFlow twice. The tensor is returned twice so
    that the gradients of the next block and of its shortcut are summed here as well.

    >>> block, shortcut = AddReLU()([tf.constant([-1.0, 2.0]), tf.constant([0.5, 1.0])])
    >>> block.numpy().tolist(), shortcut.numpy().tolist()
    ([0.0, 3.0], [0.0, 3.0])
    """

    def call(self, inputs: list[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        """Returns the same tensor twice.

        Args:
            inputs: Two tensors of the same shape.
            training: Whether gradients will be computed.
        """
        if not training or inputs[0].dtype != tf.bfloat16:
            outputs = tf.nn.relu(inputs[0] + inputs[1])
            return [outputs, outputs]
        return list(_add_relu(*inputs))

    def compute_output_shape(self, input_shape: list[_Shape]) -> list[_Shape]:
        """Returns the shape of an input, twice."""
        return [input_shape[0], input_shape[0]]


@tf.custom_gradient
def _relu(inputs: tf.Tensor) -> tuple[tf.Tensor, _Gradient]:
    # In the forward pass oneDNN fuses it with the preceding batch norm.
    outputs = tf.nn.relu(inputs)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        return _apply_flattened(_relu_gradient, upstream, outputs)

    return outputs, gradient


@tf.custom_gradient
def _add_relu(
    first: tf.Tensor, second: tf.Tensor
) -> tuple[tuple[tf.Tensor, tf.Tensor], _Gradient]:
    outputs = _apply_flattened(_sum_relu, first, second)

    def gradient(
        next_block: tf.Tensor, shortcut: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        total = _apply_flattened(_sum_relu_gradient, next_block, shortcut, outputs)
        return total, total

    return (outputs, tf.identity(outputs)), gradient


def _apply_flattened(
    function: Callable[..., tf.Tensor], *tensors: tf.Tensor
) -> tf.Tensor:
    """Applies a function to flattened tensors of one shape, and restores the shape."""
    flat = [tf.reshape(tensor, [-1]) for tensor in tensors]
    result = tf.reshape(function(*flat), tf.shape(tensors[0]))
    return tf.ensure_shape(result, tensors[0].shape)


@tf.function(jit_compile=True, autograph=False)
def _relu_gradient(upstream: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    return tf.where(outputs > 0, upstream, tf.zeros_like(upstream))


@tf.function(jit_compile=True, autograph=False)
def _sum_relu(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(first + second)


@tf.function(jit_compile=True, autograph=False)
def _sum_relu_gradient(
    next_block: tf.Tensor, shortcut: tf.Tensor, outputs: tf.Tensor
) -> tf.Tensor:
    total = next_block + shortcut
    return tf.where(outputs > 0, total, tf.zeros_like(total))
