"""Variables that are no weights: counters, statistics, states of controllers."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def state_variable(value: Any, dtype: str | tf.DType) -> tf.Variable:
    """Returns a variable that every replica sets to the same value.

    With the aggregation that it has by default, TensorFlow lets copies drift apart.
    Make it inside the strategy's scope.
    """
    return tf.Variable(
        value,
        dtype=dtype,
        trainable=False,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
