"""Convolution, ReLU and max-pooling in one layer, with a cheaper gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("whyflat")
class PooledConv2D(keras.layers.Conv2D):
    """A convolution with bias, followed by ReLU and 2x2 max-pooling.

    It has the results of the three Keras layers. In the forward pass oneDNN fuses bias
    and ReLU into the convolution. In the backward pass the gradients of ReLU and of the
    bias are computed on the pooled values, a quarter of all. ReLU's is nonzero where
    the pooled value is. The bias's would otherwise be fused with that of the filters
    into a slow kernel.

    >>> PooledConv2D(4, 3)(tf.zeros([1, 8, 8, 3])).shape
    TensorShape([1, 3, 3, 4])

    Args:
        filters: The number of filters.
        kernel_size: The height and width of the filters.
        **kwargs: As of `keras.layers.Conv2D`; the activation is ReLU.
    """

    def __init__(self, filters: int, kernel_size: int | tuple[int, int], **kwargs: Any):
        kwargs = {**kwargs, "activation": "relu"}
        super().__init__(filters, kernel_size, **kwargs)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns [rows, height, width, filters], with half the height and width."""
        convolution = {
            "strides": [1, *self.strides, 1],
            "padding": self.padding.upper(),
        }
        pool = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"}

        @tf.custom_gradient
        def pooled(
            images: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
        ) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, ...]]]:
            convolved = tf.raw_ops.Conv2D(input=images, filter=kernel, **convolution)
            rectified = tf.nn.relu(tf.nn.bias_add(convolved, bias))
            outputs = tf.raw_ops.MaxPool(input=rectified, **pool)

            def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
                upstream = tf.raw_ops.ReluGrad(gradients=upstream, features=outputs)
                outer = tf.raw_ops.MaxPoolGrad(
                    orig_input=rectified, orig_output=outputs, grad=upstream, **pool
                )
                rows = tf.reshape(upstream, [-1, self.filters])
                # A matrix product sums rows several times faster in bfloat16.
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

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the outputs for an input shape."""
        rows, height, width, filters = super().compute_output_shape(input_shape)
        return rows, height and height // 2, width and width // 2, filters
