"""Layers of transformers, with fewer passes over memory than Keras's.

Keras computes layer normalization and GELU by a dozen operations each, every one of
which reads and writes all activations. Here XLA compiles each to one pass forward and
one backward, which computes anew what it needs of the forward pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

_Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable("whyflat")
class LayerNorm(keras.layers.Layer):
    """Layer normalization over the last axis, with scale and offset.

    >>> LayerNorm()(tf.constant([[1.0, 3.0]])).numpy().round(3).tolist()
    [[-1.0, 1.0]]

    Args:
        epsilon: Added to the variance.
        **kwargs: As of any Keras layer.
    """

    def __init__(self, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape: _Shape) -> None:
        """Creates the weights."""
        shape = input_shape[-1:]
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns a tensor like `inputs`, [..., channels]."""
        gamma, beta = map(tf.convert_to_tensor, (self.gamma, self.beta))
        rows = tf.reshape(inputs, [-1, inputs.shape[-1]])
        outputs = _normalized(rows, gamma, beta, tf.constant(self.epsilon))
        return _reshaped(outputs, inputs)

    def compute_output_shape(self, input_shape: _Shape) -> _Shape:
        """Returns the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that recreate the layer."""
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("whyflat")
class GELU(keras.layers.Layer):
    """The exact GELU, x times the normal distribution function of x.

    >>> GELU()(tf.constant([-1.0, 0.0, 1.0])).numpy().round(3)
    array([-0.159,  0.   ,  0.841], dtype=float32)
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns a tensor like `inputs`."""
        return _reshaped(_gelu(tf.reshape(inputs, [-1])), inputs)

    def compute_output_shape(self, input_shape: _Shape) -> _Shape:
        """Returns the input shape."""
        return input_shape


@keras.saving.register_keras_serializable("whyflat")
class SelfAttention(keras.layers.Layer):
    """Multi-head self-attention, with one matrix for queries, keys and values.

    >>> SelfAttention(2)(tf.ones([1, 3, 8])).shape
    TensorShape([1, 3, 8])

    Args:
        heads: The number of heads, a divisor of the channels.
        **kwargs: As of any Keras layer.
    """

    def __init__(self, heads: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.heads = heads

    def build(self, input_shape: _Shape) -> None:
        """Creates the weights."""
        width = input_shape[-1]
        assert width is not None
        self.inner = keras.layers.Dense(
            3 * width, name="inner", dtype=self.dtype_policy
        )
        self.outer = keras.layers.Dense(width, name="outer", dtype=self.dtype_policy)
        self.inner.build(input_shape)
        self.outer.build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns a tensor like `inputs`, [rows, tokens, channels]."""
        tokens, width = inputs.shape[1:]
        size = width // self.heads
        inner = tf.reshape(self.inner(inputs), [-1, tokens, 3, self.heads, size])
        queries, keys, values = tf.unstack(tf.transpose(inner, [2, 0, 3, 1, 4]))
        queries *= tf.cast(1.0 / math.sqrt(size), queries.dtype)
        weights = tf.nn.softmax(tf.matmul(queries, keys, transpose_b=True))
        outputs = tf.transpose(tf.matmul(weights, values), [0, 2, 1, 3])
        return self.outer(tf.reshape(outputs, [-1, tokens, width]))

    def compute_output_shape(self, input_shape: _Shape) -> _Shape:
        """Returns the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that recreate the layer."""
        return {**super().get_config(), "heads": self.heads}


@keras.saving.register_keras_serializable("whyflat")
class Positions(keras.layers.Layer):
    """Adds a learned vector to each token.

    >>> Positions()(tf.zeros([2, 3, 8])).shape
    TensorShape([2, 3, 8])
    """

    def build(self, input_shape: _Shape) -> None:
        """Creates the weights."""
        self.table = self.add_weight(
            shape=input_shape[1:],
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="table",
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns a tensor like `inputs`, [rows, tokens, channels]."""
        return inputs + tf.cast(self.table, inputs.dtype)

    def compute_output_shape(self, input_shape: _Shape) -> _Shape:
        """Returns the input shape."""
        return input_shape


def _reshaped(flat: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(tf.reshape(flat, tf.shape(like)), like.shape)


@tf.custom_gradient
def _normalized(
    rows: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor | None, ...]]]:
    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        return *_normalized_gradient(rows, gamma, epsilon, upstream), None

    return _normalize(rows, gamma, beta, epsilon), gradient


@tf.function(jit_compile=True, autograph=False)
def _normalize(
    rows: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: tf.Tensor
) -> tf.Tensor:
    standard, _ = _standardized(rows, epsilon)
    outputs = standard * tf.cast(gamma, tf.float32) + tf.cast(beta, tf.float32)
    return tf.cast(outputs, rows.dtype)


@tf.function(jit_compile=True, autograph=False)
def _normalized_gradient(
    rows: tf.Tensor, gamma: tf.Tensor, epsilon: tf.Tensor, upstream: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the gradients of the rows, of gamma and of beta."""
    standard, inverse = _standardized(rows, epsilon)
    upstream = tf.cast(upstream, tf.float32)
    scaled = upstream * tf.cast(gamma, tf.float32)
    mean = tf.reduce_mean(scaled, -1, keepdims=True)
    along = tf.reduce_mean(scaled * standard, -1, keepdims=True)
    of_rows = inverse * (scaled - mean - standard * along)
    of_gamma = tf.reduce_sum(upstream * standard, 0)
    of_beta = tf.reduce_sum(upstream, 0)
    return (
        tf.cast(of_rows, rows.dtype),
        tf.cast(of_gamma, gamma.dtype),
        tf.cast(of_beta, gamma.dtype),
    )


def _standardized(rows: tf.Tensor, epsilon: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns rows of mean 0 and variance 1, float32, and what they were divided by."""
    wide = tf.cast(rows, tf.float32)
    centered = wide - tf.reduce_mean(wide, -1, keepdims=True)
    variance = tf.reduce_mean(tf.square(centered), -1, keepdims=True)
    inverse = tf.math.rsqrt(variance + epsilon)
    return centered * inverse, inverse


@tf.custom_gradient
def _gelu(
    inputs: tf.Tensor,
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    return _gelu_forward(inputs), lambda upstream: _gelu_gradient(inputs, upstream)


@tf.function(jit_compile=True, autograph=False)
def _gelu_forward(inputs: tf.Tensor) -> tf.Tensor:
    wide = tf.cast(inputs, tf.float32)
    return tf.cast(wide * _normal_distribution(wide), inputs.dtype)


@tf.function(jit_compile=True, autograph=False)
def _gelu_gradient(inputs: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    wide = tf.cast(inputs, tf.float32)
    density = tf.exp(-0.5 * wide * wide) / math.sqrt(2 * math.pi)
    slope = _normal_distribution(wide) + wide * density
    return tf.cast(tf.cast(upstream, tf.float32) * slope, inputs.dtype)


def _normal_distribution(wide: tf.Tensor) -> tf.Tensor:
    return 0.5 + 0.5 * tf.math.erf(wide / math.sqrt(2))
