"""Variables other than weights: counters, statistics, states of controllers."""

from __future__ import annotations

import numpy.typing as npt
import tensorflow as tf


def state_variable(value: npt.ArrayLike, dtype: str | tf.DType) -> tf.Variable:
    """Creates a variable that every replica sets to the same value.

    With TensorFlow's default aggregation, copies could diverge. Create it inside the
    strategy's scope.
    """
    return tf.Variable(
        value,
        dtype=dtype,
        trainable=False,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
