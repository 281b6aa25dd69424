"""Layers that give the same numbers on one device and on many.

Those of Keras do not: under `tf.distribute` its Dropout draws the same mask on each
replica, and its BatchNormalization keeps other statistics on each.
"""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from framework.numerics.draws import current_draws


@keras.saving.register_keras_serializable("whyflat")
class Dropout(keras.layers.Layer):
    """Zeroes a share of its inputs in training, and scales up the others.

    Its draws depend on the run's seed, the step and an example's place in the global
    batch, and on nothing else.

    Args:
        rate: Which share is zeroed; from 0 to below 1.
        **kwargs: As of any Keras layer.
    """

    def __init__(self, rate: float, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be from 0 to below 1, not {rate}")
        self.rate = rate
        self.stream = f"dropout/{self.name}"
        self.supports_masking = True
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns a tensor like `inputs`, [rows, ...]."""
        if not training or self.rate == 0:
            return inputs
        draws = current_draws()
        u = draws.uniform(self.stream, math.prod(inputs.shape[1:]))
        kept = tf.reshape(u, [draws.rows, *inputs.shape[1:]]) >= self.rate
        scaled = inputs * tf.cast(1.0 / (1.0 - self.rate), inputs.dtype)
        return tf.where(kept, scaled, tf.zeros_like(scaled))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Returns the shape it is given."""
        return input_shape

    def get_config(self) -> dict:
        """Returns what it takes to make the layer again."""
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("whyflat")
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation over the global batch, on however many devices.

    In training on one device images are normalised by one kernel of TensorFlow, to the
    same numbers as by the dozen that Keras takes, which are 40 % of a ResNet's step.

    Args:
        **kwargs: As of Keras's own.
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "synchronized": True})

    def call(self, inputs, training=None, mask=None):
        """Returns a tensor like `inputs`, [rows, height, width, channels] or other."""
        training = bool(training and self.trainable)
        context = tf.distribute.get_replica_context()
        alone = context is not None and context.num_replicas_in_sync == 1
        images = len(inputs.shape) == 4 and self.axis in (-1, 3)
        plain = images and mask is None and not self.renorm
        # Not in evaluation: Grappler fuses the kernel with whatever activation follows,
        # and TensorFlow then has no kernel for most of them.
        if not (plain and training and alone):
            return super().call(inputs, training=training, mask=mask)
        channels = inputs.shape[-1]
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma if self.scale else tf.ones(channels),
            offset=self.beta if self.center else tf.zeros(channels),
            mean=tf.zeros(0),
            variance=tf.zeros(0),
            epsilon=self.epsilon,
            is_training=True,
        )
        count = tf.cast(tf.size(inputs) // channels, tf.float32)
        # The kernel gives that of a sample, count / (count - 1) of Keras's.
        variance *= (count - 1.0) / count
        for moving, found in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moving.assign(moving * self.momentum + found * (1.0 - self.momentum))
        return outputs

    def _moments(self, inputs, mask):
        # Of Keras's variance, the mean of squares less the square of the mean, the last
        # digits are lost; and so it would be another one on another number of devices.
        context = tf.distribute.get_replica_context()
        if mask is not None or context is None or context.num_replicas_in_sync == 1:
            return super()._moments(inputs, mask)
        axes = [axis for axis in range(len(inputs.shape)) if axis != self._axis(inputs)]

        def mean_of_all(values):
            own = tf.reduce_mean(values, axes) / context.num_replicas_in_sync
            return context.all_reduce(tf.distribute.ReduceOp.SUM, own)

        mean = mean_of_all(inputs)
        shape = [1] * len(inputs.shape)
        shape[self._axis(inputs)] = -1
        return mean, mean_of_all(tf.square(inputs - tf.reshape(mean, shape)))

    def _axis(self, inputs):
        return self.axis % len(inputs.shape)


def batch_norm(**kwargs) -> keras.layers.Layer:
    """Returns batch normalisation over the global batch, on however many devices."""
    return BatchNorm(**kwargs)


def number_dropouts(model: keras.Model) -> None:
    """Names the draws of each Dropout of a model by its place in the model.

    Keras names layers by a counter that runs on in a process, so that a second model
    would draw otherwise than the first.
    """
    found = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, Dropout)
    ]
    for index, layer in enumerate(found):
        layer.stream = f"dropout/{index}"
