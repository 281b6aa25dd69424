"""Convolution, ReLU and pooling as one layer, with a gradient that costs less."""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("whyflat")
class PooledConv2D(keras.layers.Conv2D):
    """A convolution with bias, ReLU and 2x2 max-pooling after it.

    It gives the numbers of the three layers of Keras. Forward, oneDNN does bias and
    ReLU within the convolution. Backward, what can be is done where images are pooled,
    to a quarter of the values: the gradient of ReLU, which is where the pooled value is
    not 0, and that of the bias, which TensorFlow else fuses with that of the filters
    into a slow kernel.

    Args:
        filters: How many.
        kernel_size: Their height and width.
        **kwargs: As of Keras's `Conv2D`; the activation is ReLU.
    """

    def __init__(self, filters: int, kernel_size: int | tuple[int, int], **kwargs):
        kwargs = {**kwargs, "activation": "relu"}
        super().__init__(filters, kernel_size, **kwargs)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns [rows, height, width, filters], of half the height and width."""
        convolution = {
            "strides": [1, *self.strides, 1],
            "padding": self.padding.upper(),
        }
        pool = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"}

        @tf.custom_gradient
        def pooled(images, kernel, bias):
            found = tf.raw_ops.Conv2D(input=images, filter=kernel, **convolution)
            rectified = tf.nn.relu(tf.nn.bias_add(found, bias))
            outputs = tf.raw_ops.MaxPool(input=rectified, **pool)

            def gradient(upstream):
                upstream = tf.raw_ops.ReluGrad(gradients=upstream, features=outputs)
                outer = tf.raw_ops.MaxPoolGrad(
                    orig_input=rectified, orig_output=outputs, grad=upstream, **pool
                )
                rows = tf.reshape(upstream, [-1, self.filters])
                # A sum over rows; in bfloat16 several times as fast as such a sum.
                ones = tf.ones([1, tf.shape(rows)[0]], rows.dtype)
                return (
                    tf.raw_ops.Conv2DBackpropInput(
                        input_sizes=tf.shape(images),
                        filter=kernel,
                        out_backprop=outer,
                        **convolution,
                    ),
                    tf.raw_ops.Conv2DBackpropFilter(
                        input=images,
                        filter_sizes=tf.shape(kernel),
                        out_backprop=outer,
                        **convolution,
                    ),
                    tf.reshape(ones @ rows, [-1]),
                )

            return outputs, gradient

        dtype = inputs.dtype
        return pooled(inputs, tf.cast(self.kernel, dtype), tf.cast(self.bias, dtype))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Returns the shape of what `call` makes of such inputs."""
        rows, height, width, filters = super().compute_output_shape(input_shape)
        return rows, height and height // 2, width and width // 2, filters
