"""Statistics of training steps: norms, and the gradient noise scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from framework.numerics.variables import state_variable

# Decay of the moving averages over measured steps: about the last twenty count.
_DECAY = 0.95
_MOMENTS = ("weight", "weight2", "s", "g", "ss", "gg", "sg")


def norms(
    gradients: Sequence[tf.Tensor],
    before: Sequence[tf.Tensor],
    after: Sequence[tf.Tensor],
) -> dict[str, tf.Tensor]:
    """Returns Euclidean norms over all weights, as float32 scalars by metric name.

    >>> step = norms([tf.constant([3.0, 4.0])], [tf.zeros([2])], [tf.ones([2])])
    >>> {name: round(float(value), 3) for name, value in step.items()}
    {'gradient_norm': 5.0, 'weight_norm': 1.414, 'update_norm': 1.414}

    Args:
        gradients: The gradients of the loss over all replicas, before clipping.
        before: The weights before the update.
        after: The weights after the update.
    """
    updates = [new - old for new, old in zip(after, before, strict=True)]
    return {
        "gradient_norm": tf.linalg.global_norm(gradients),
        "weight_norm": tf.linalg.global_norm(after),
        "update_norm": tf.linalg.global_norm(updates),
    }


def squared_norm(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the sum of squares over all tensors, a float32 scalar."""
    return tf.add_n([tf.reduce_sum(tf.square(tensor)) for tensor in tensors])


def noise(
    group_square: tf.Tensor, square: tf.Tensor, groups: int, batch_size: int
) -> dict[str, tf.Tensor]:
    """Estimates numerator and denominator of the gradient noise scale for one step.

    The unbiased estimates of McCandlish et al. (2018), appendix A.1, from a batch that
    is divided into groups.

    Args:
        group_square: Mean over the groups of the squared norm of the group's gradient.
        square: Squared norm of the gradient of the whole batch.
        groups: The number of groups of equal size; at least 2.
        batch_size: Examples in the batch.

    Returns:
        "noise_trace", the trace of the covariance of one example's gradient, and
        "gradient_square", the squared norm of the true gradient; both can be negative.
    """
    return {
        "noise_trace": batch_size * (group_square - square) / (groups - 1),
        "gradient_square": (groups * square - group_square) / (groups - 1),
    }


class NoiseScale:
    """The gradient noise scale: the batch size beyond which returns diminish.

    Keeps separate moving averages of numerator and denominator over measured steps,
    because the quotient of a single step is meaningless. Create it inside the
    strategy's scope.
    """

    def __init__(self) -> None:
        self.variables = {name: state_variable(0.0, tf.float32) for name in _MOMENTS}

    def add(self, trace: tf.Tensor, square: tf.Tensor, is_full: tf.Tensor) -> None:
        """Adds the estimates of one step.

        Args:
            trace: "noise_trace" of `noise`.
            square: "gradient_square" of `noise`.
            is_full: bool scalar; a step whose batch was not full is ignored.
        """
        is_counted = is_full & (tf.math.is_finite(trace) & tf.math.is_finite(square))
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
            variable.assign(tf.where(is_counted, decay * variable + value, variable))

    def estimate(self) -> dict[str, float]:
        """Returns the noise scale in examples, with its 95 % interval.

        Empty until the gradient is significantly larger than the noise. The interval is
        computed by the delta method.
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
