"""Layers whose results do not depend on the number of devices.

Keras's own do: under `tf.distribute` its Dropout draws the same mask on each replica,
and its BatchNormalization keeps separate statistics on each.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from framework.errors import UsageError
from framework.models import folding
from framework.numerics import moments
from framework.numerics.draws import current_draws


@keras.saving.register_keras_serializable("whyflat")
class Dropout(keras.layers.Layer):
    """Sets a random fraction of the inputs to 0 in training, and scales up the others.

    Its random numbers depend only on the run's seed, the step and an example's position
    in the global batch.

    >>> inputs = tf.ones([2, 4])
    >>> bool(tf.reduce_all(Dropout(0.5)(inputs, training=False) == inputs))
    True

    Args:
        rate: The fraction to drop, from 0 to below 1.
        **kwargs: As of any Keras layer.
    """

    def __init__(self, rate: float, **kwargs: Any):
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
        is_kept = tf.reshape(u, [draws.rows, *inputs.shape[1:]]) >= self.rate
        scaled = inputs * tf.cast(1.0 / (1.0 - self.rate), inputs.dtype)
        return tf.where(is_kept, scaled, tf.zeros_like(scaled))

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that recreate the layer."""
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("whyflat")
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalization over the global batch, on any number of devices.

    The moving averages are right from the first step on. Keras's begin at mean 0 and
    variance 1, of which momentum .99 keeps 45 % after 80 steps: then a trained network
    fails in evaluation. Here the momentum of update t is

        momentum (1 - momentum^(t - 1)) / (1 - momentum^t),

    which gives Keras's average divided by the sum of its weights, as Adam debiases its
    moments (Kingma & Ba, 2015).

    In training on one device, TensorFlow's fused kernel normalizes images, with the
    same results as Keras's dozen operations, which take 40 % of a ResNet's step.

    With --shards, each shard of the batch is normalized by its own mean and variance
    ("ghost" batch normalization, Hoffer et al., 2017). The moving averages are updated
    from the means of these over the shards.

    >>> norm = BatchNorm(momentum=0.9)
    >>> _ = norm(tf.constant([[1.0], [3.0]]), training=True)
    >>> float(norm.moving_mean[0])
    2.0

    Args:
        debias: Whether the moving averages are debiased; False is as in Keras.
        **kwargs: As of `keras.layers.BatchNormalization`.

    Attributes:
        frozen_until: The step from which it trains; None for never. Before, it is in
            evaluation mode in training too, and keeps its moving averages.
    """

    def __init__(self, debias: bool = True, **kwargs: Any):
        super().__init__(**{**kwargs, "synchronized": True})
        self.debias = debias
        self.frozen_until: int | None = 0

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the weights."""
        super().build(input_shape)
        if self.debias:
            self.updates = self.add_weight(
                shape=(),
                name="updates",
                initializer="zeros",
                trainable=False,
                autocast=False,
            )

    def call(
        self,
        inputs: tf.Tensor,
        training: bool | None = None,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns a tensor like `inputs`, [rows, height, width, channels] or other."""
        if not training and (outputs := self._folded(inputs)) is not None:
            return outputs
        training = bool(training and self.trainable and self.frozen_until is not None)
        # Not in evaluation: Grappler fuses the kernel with the activation that follows,
        # and TensorFlow has no kernel for most of these pairs.
        if not training or self.renorm:
            return super().call(inputs, training=training, mask=mask)
        context = tf.distribute.get_replica_context()
        taken = moments.taken()
        if taken is not None and mask is not None:
            raise UsageError(f"--shards: batch normalization {self.name} has a mask")
        is_single = taken is not None or (
            context is not None and context.num_replicas_in_sync == 1
        )
        has_images = len(inputs.shape) == 4 and self.axis in (-1, 3)
        if is_single and has_images and mask is None:
            outputs, mean, variance = self._fused(inputs)
        else:
            outputs, mean, variance = self._normalized(inputs, mask)
        is_frozen = None
        if self.frozen_until:
            # Both modes in one graph: a replica cannot reduce within a condition.
            is_frozen = current_draws().step < self.frozen_until
            fixed = super().call(inputs, training=False, mask=mask)
            outputs = tf.where(is_frozen, fixed, outputs)
        if taken is None:
            self._update(mean, variance, is_frozen)
        else:
            taken.append((self, mean, variance))
        return outputs

    def update_averages(
        self, mean: tf.Tensor, variance: tf.Tensor, step: tf.Tensor
    ) -> None:
        """Updates the moving averages, unless the layer is frozen at the step.

        Args:
            mean: float32 [channels], the mean over the shards of their means.
            variance: float32 [channels], the mean over the shards of their variances.
            step: int64 scalar, the 0-based index of the update.
        """
        is_frozen = step < self.frozen_until if self.frozen_until else None
        self._update(mean, variance, is_frozen)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that recreate the layer."""
        return {**super().get_config(), "debias": self.debias}

    def _folded(self, inputs: tf.Tensor) -> tf.Tensor | None:
        """Returns the outputs in evaluation, if a convolution can compute them."""
        if len(inputs.shape) != 4 or self.axis not in (-1, 3):
            return None
        variance = tf.convert_to_tensor(self.moving_variance)
        scale = tf.math.rsqrt(variance + self.epsilon)
        if self.scale:
            scale *= self.gamma
        offset = -scale * self.moving_mean
        if self.center:
            offset += self.beta
        return folding.folded(inputs, scale, offset)

    def _fused(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the outputs, the mean and the variance of the batch by one kernel."""
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
        # The kernel gives the sample variance; Keras has the population variance.
        return outputs, mean, variance * ((count - 1.0) / count)

    def _normalized(
        self, inputs: tf.Tensor, mask: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the same by Keras's operations, of the global batch."""
        # Half precision would overflow.
        wide = keras.ops.cast(
            inputs, keras.backend.result_type(inputs.dtype, "float32")
        )
        mean, variance = self._moments(wide, mask)
        outputs = keras.ops.batch_normalization(
            x=wide,
            mean=mean,
            variance=variance,
            axis=self.axis,
            offset=keras.ops.cast(self.beta, wide.dtype) if self.center else None,
            scale=keras.ops.cast(self.gamma, wide.dtype) if self.scale else None,
            epsilon=self.epsilon,
        )
        return keras.ops.cast(outputs, self.compute_dtype), mean, variance

    def _update(
        self, mean: tf.Tensor, variance: tf.Tensor, is_frozen: tf.Tensor | None
    ) -> None:
        """Updates the moving averages, unless the layer is frozen."""
        momentum = self._next_momentum(is_frozen) if self.debias else self.momentum
        for average, value in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            new = average * momentum + value * (1.0 - momentum)
            if is_frozen is not None:
                new = tf.where(is_frozen, tf.convert_to_tensor(average), new)
            average.assign(new)

    def _next_momentum(self, is_frozen: tf.Tensor | None) -> tf.Tensor | float:
        """Counts an update; returns its momentum, float32 scalar."""
        before = tf.identity(keras.ops.convert_to_tensor(self.updates))
        self.updates.assign(
            before + (1.0 if is_frozen is None else tf.where(is_frozen, 0.0, 1.0))
        )
        if not 0 < self.momentum < 1:
            return self.momentum
        log = math.log(self.momentum)
        # 1 - momentum^t without cancellation.
        ratio = tf.math.expm1(before * log) / tf.math.expm1((before + 1.0) * log)
        return self.momentum * ratio

    def _moments(
        self, inputs: tf.Tensor, mask: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        # Keras's variance, the mean of squares minus the square of the mean, suffers
        # from cancellation, which would depend on the number of devices.
        context = tf.distribute.get_replica_context()
        is_shard = moments.taken() is not None
        is_single = context is None or context.num_replicas_in_sync == 1
        if mask is not None or (is_single and not is_shard):
            return super()._moments(inputs, mask)
        axes = [axis for axis in range(len(inputs.shape)) if axis != self._axis(inputs)]

        def global_mean(values: tf.Tensor) -> tf.Tensor:
            if is_shard:
                return tf.reduce_mean(values, axes)
            local = tf.reduce_mean(values, axes) / context.num_replicas_in_sync
            return context.all_reduce(tf.distribute.ReduceOp.SUM, local)

        mean = global_mean(inputs)
        shape = [1] * len(inputs.shape)
        shape[self._axis(inputs)] = -1
        return mean, global_mean(tf.square(inputs - tf.reshape(mean, shape)))

    def _axis(self, inputs: tf.Tensor) -> int:
        axis: int = self.axis % len(inputs.shape)
        return axis


def batch_norm(**kwargs: Any) -> keras.layers.Layer:
    """Returns batch normalization over the global batch, on any number of devices."""
    return BatchNorm(**kwargs)


def number_dropout_streams(model: keras.Model) -> None:
    """Names the random stream of each Dropout layer by its index in the model.

    Keras names layers by a counter of the process, so that a second model would have
    different random numbers.
    """
    dropouts = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, Dropout)
    ]
    for index, layer in enumerate(dropouts):
        layer.stream = f"dropout/{index}"
