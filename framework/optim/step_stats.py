"""Measurements of a training step that are made only now and then."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from framework.numerics.variables import state_variable

# Of the averages over measured steps: the last twenty or so count.
_DECAY = 0.95
_MOMENTS = ("weight", "weight2", "s", "g", "ss", "gg", "sg")


def norms(
    gradients: Sequence[tf.Tensor],
    before: Sequence[tf.Tensor],
    after: Sequence[tf.Tensor],
) -> dict[str, tf.Tensor]:
    """Returns the size of a step: float32 scalars, Euclidean norms over all weights.

    Args:
        gradients: Of the loss, over all replicas, before clipping.
        before: The weights before the update.
        after: The weights after it.
    """
    moved = [new - old for new, old in zip(after, before, strict=True)]
    return {
        "gradient_norm": tf.linalg.global_norm(gradients),
        "weight_norm": tf.linalg.global_norm(after),
        "update_norm": tf.linalg.global_norm(moved),
    }


def squared_norm(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the sum of squares over all tensors, a float32 scalar."""
    return tf.add_n([tf.reduce_sum(tf.square(tensor)) for tensor in tensors])


def noise(
    part_square: tf.Tensor, square: tf.Tensor, groups: int, batch_size: int
) -> dict[str, tf.Tensor]:
    """Returns what the gradient noise scale is the quotient of, for one step.

    Estimates without bias of McCandlish et al. (2018), appendix A.1, from a batch that
    is also seen as `groups` smaller ones.

    Args:
        part_square: Mean over the groups of the squared norm of a group's own gradient.
        square: Squared norm of the gradient of the whole batch.
        groups: How many groups of equal size; at least 2.
        batch_size: Examples of the batch.

    Returns:
        "noise_trace", the trace of the covariance of one example's gradient, and
        "gradient_square", the squared norm of the true gradient; both can be negative.
    """
    return {
        "noise_trace": batch_size * (part_square - square) / (groups - 1),
        "gradient_square": (groups * square - part_square) / (groups - 1),
    }


class NoiseScale:
    """The gradient noise scale: up to which batch size more examples still help.

    Averages numerator and denominator apart over the measured steps, the later ones
    with more weight, for the quotient of single steps means nothing. Make it inside the
    strategy's scope.
    """

    def __init__(self):
        self.variables = {name: state_variable(0.0, tf.float32) for name in _MOMENTS}

    def add(self, trace: tf.Tensor, square: tf.Tensor, counts: tf.Tensor) -> None:
        """Takes in a step's `noise`, if it counts (bool): its batch was a full one."""
        counts &= tf.math.is_finite(trace) & tf.math.is_finite(square)
        values = {
            "weight": tf.ones([]),
            "weight2": tf.ones([]),
            "s": trace,
            "g": square,
            "ss": trace * trace,
            "gg": square * square,
            "sg": trace * square,
        }
        for name, value in values.items():
            variable = self.variables[name]
            decay = _DECAY**2 if name == "weight2" else _DECAY
            variable.assign(tf.where(counts, decay * variable + value, variable))

    def estimate(self) -> dict[str, float]:
        """Returns the noise scale in examples, with its interval of 95 %.

        Nothing until the gradient stands out from the noise. The interval is by the
        delta method.
        """
        moments = {
            name: float(variable.numpy()) for name, variable in self.variables.items()
        }
        weight = moments["weight"]
        if weight < 2.0:
            return {}
        count = weight**2 / moments["weight2"]
        s, g = moments["s"] / weight, moments["g"] / weight
        var_s = max(moments["ss"] / weight - s * s, 0.0) / count
        var_g = max(moments["gg"] / weight - g * g, 0.0) / count
        covariance = (moments["sg"] / weight - s * g) / count
        if s <= 0.0 or g <= 2.0 * math.sqrt(var_g):
            return {}
        ratio = s / g
        variance = var_s / s**2 + var_g / g**2 - 2.0 * covariance / (s * g)
        margin = 1.96 * ratio * math.sqrt(max(variance, 0.0))
        return {
            "noise_scale": ratio,
            "noise_scale_low": max(ratio - margin, 0.0),
            "noise_scale_high": ratio + margin,
        }
