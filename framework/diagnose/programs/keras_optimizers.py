"""Keras optimizers: their learning rate, and copies with an intervention."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from framework.diagnose.core.intervention import Intervention

# Steps at which a schedule is evaluated.
_PLACES = 50
# The scale of a loss whose gradients are computed in float16, which holds numbers from
# 2^-24 to 2^16: gradients from 2^-34 to 2^6 pass.
LOSS_SCALE = 2.0**10


def inner(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Returns the optimizer that a LossScaleOptimizer wraps; or itself."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return optimizer.inner_optimizer
    return optimizer


def has_loss_scale(optimizer: keras.optimizers.Optimizer) -> bool:
    """Returns whether an optimizer scales the loss, for float16."""
    return inner(optimizer) is not optimizer


def rate_variable(optimizer: keras.optimizers.Optimizer) -> keras.Variable | None:
    """Returns the variable of the learning rate; None if it follows a schedule."""
    rate = inner(optimizer)._learning_rate
    return rate if isinstance(rate, keras.Variable) else None


def rate(optimizer: keras.optimizers.Optimizer) -> float:
    """Returns the learning rate of an optimizer at its present step."""
    return float(np.asarray(inner(optimizer).learning_rate))


def rate_at(optimizer: keras.optimizers.Optimizer, step: int) -> float:
    """Returns the learning rate of an optimizer at a step, counted from 0."""
    schedule = inner(optimizer)._learning_rate
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return float(schedule(tf.constant(step)))
    return rate(optimizer)


def highest_rate(optimizer: keras.optimizers.Optimizer, steps: int) -> float:
    """Returns the highest learning rate within a number of steps."""
    if rate_variable(optimizer) is not None:
        return rate(optimizer)
    places = np.unique(np.geomspace(1, steps, _PLACES).astype(int)) - 1
    return max(rate_at(optimizer, int(place)) for place in places)


def restart(optimizer: keras.optimizers.Optimizer) -> None:
    """Sets an optimizer to its state before the first step; its rate stays."""
    own = rate_variable(optimizer)
    for variable in optimizer.variables:
        if variable is not own:
            variable.assign(np.zeros_like(variable.numpy()))
    if has_loss_scale(optimizer):
        optimizer.dynamic_scale.assign(optimizer.initial_scale)


def changed_optimizer(
    optimizer: keras.optimizers.Optimizer, intervention: Intervention
) -> keras.optimizers.Optimizer:
    """Returns a new optimizer with the learning rate and the like of an intervention.

    Args:
        optimizer: The original one, whose other settings are kept.
        intervention: What is different.
    """
    if has_loss_scale(optimizer):
        return type(optimizer)(
            changed_optimizer(inner(optimizer), intervention),
            initial_scale=optimizer.initial_scale,
            dynamic_growth_steps=optimizer.dynamic_growth_steps,
        )
    config = optimizer.get_config()
    config["use_ema"] = False
    own = intervention.constant_learning_rate or config["learning_rate"]
    if isinstance(own, dict):
        raise_at = keras.optimizers.schedules.deserialize(own)
        config["learning_rate"] = _Scaled(raise_at, intervention.learning_rate_factor)
    else:
        config["learning_rate"] = float(own) * intervention.learning_rate_factor
    if intervention.weight_decay is not None:
        config["weight_decay"] = intervention.weight_decay
    if intervention.clip_norm:
        config |= {"global_clipnorm": intervention.clip_norm, "clipnorm": None}
        config["clipvalue"] = None
    return type(optimizer).from_config(config)


def copy_moments(
    source: keras.optimizers.Optimizer, target: keras.optimizers.Optimizer
) -> None:
    """Gives an optimizer the moments of another one."""
    moments = {variable.path: variable for variable in source.variables}
    for variable in target.variables:
        other = moments.get(variable.path)
        if variable is rate_variable(target) or other is None:
            continue
        if tuple(other.shape) == tuple(variable.shape):
            variable.assign(other)


class _Scaled(keras.optimizers.schedules.LearningRateSchedule):
    """A multiple of another schedule."""

    def __init__(
        self, schedule: keras.optimizers.schedules.LearningRateSchedule, factor: float
    ):
        self._schedule, self._factor = schedule, factor

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        return self._factor * self._schedule(step)

    def get_config(self) -> dict[str, object]:
        """See base class."""
        return {"schedule": self._schedule, "factor": self._factor}
