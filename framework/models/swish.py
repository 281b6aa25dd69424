"""Swish with a cheaper gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("whyflat")
class Swish(keras.layers.Activation):
    """Swish, x times its sigmoid, also called SiLU, with the results of Keras's.

    XLA computes the gradient in one pass over memory. TensorFlow takes five, and more
    than twice as long.

    >>> Swish()(tf.constant([-1.0, 0.0, 1.0])).numpy().round(3)
    array([-0.269,  0.   ,  0.731], dtype=float32)

    Args:
        **kwargs: As of any Keras layer.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**{**kwargs, "activation": "silu"})

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns a tensor like `inputs`."""
        return _swish(inputs)


@tf.custom_gradient
def _swish(inputs: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        flat = (tf.reshape(tensor, [-1]) for tensor in (inputs, upstream))
        result = tf.reshape(_swish_gradient(*flat), tf.shape(inputs))
        return tf.ensure_shape(result, inputs.shape)

    return tf.nn.silu(inputs), gradient


@tf.function(jit_compile=True, autograph=False)
def _swish_gradient(inputs: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    wide = tf.cast(inputs, tf.float32)
    sigmoid = tf.sigmoid(wide)
    slope = sigmoid * (1.0 + wide * (1.0 - sigmoid))
    return tf.cast(tf.cast(upstream, tf.float32) * slope, inputs.dtype)
