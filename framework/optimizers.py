"""Optimizers: what an `--optimizer` spec can name. All are Keras's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from framework import spec
from framework.errors import UsageError

# Weight decay is decoupled from the gradient (Loshchilov & Hutter, 2019) in all.


def sgd(
    momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
) -> keras.optimizers.Optimizer:
    """Stochastic gradient descent."""
    from framework import fused

    return fused.SGD(
        momentum=momentum, nesterov=nesterov, weight_decay=weight_decay or None
    )


def adam(
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
) -> keras.optimizers.Optimizer:
    """Adam (Kingma & Ba, 2015)."""
    from framework import fused

    return fused.Adam(
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        weight_decay=weight_decay or None,
    )


def adamw(
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 0.004,
) -> keras.optimizers.Optimizer:
    """Adam with Keras's default weight decay."""
    return adam(beta_1, beta_2, epsilon, weight_decay)


def rmsprop(
    rho: float = 0.9,
    momentum: float = 0.0,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
) -> keras.optimizers.Optimizer:
    """RMSprop (Tieleman & Hinton, 2012)."""
    return keras.optimizers.RMSprop(
        rho=rho, momentum=momentum, epsilon=epsilon, weight_decay=weight_decay or None
    )


def lion(
    beta_1: float = 0.9, beta_2: float = 0.99, weight_decay: float = 0.0
) -> keras.optimizers.Optimizer:
    """Lion (Chen et al., 2023)."""
    return keras.optimizers.Lion(
        beta_1=beta_1, beta_2=beta_2, weight_decay=weight_decay or None
    )


def nadam(
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
) -> keras.optimizers.Optimizer:
    """Adam with Nesterov momentum (Dozat, 2016)."""
    return keras.optimizers.Nadam(
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        weight_decay=weight_decay or None,
    )


def adagrad(
    initial_accumulator: float = 0.1, epsilon: float = 1e-7, weight_decay: float = 0.0
) -> keras.optimizers.Optimizer:
    """Adagrad (Duchi et al., 2011)."""
    return keras.optimizers.Adagrad(
        initial_accumulator_value=initial_accumulator,
        epsilon=epsilon,
        weight_decay=weight_decay or None,
    )


OPTIMIZERS: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    "sgd": sgd,
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "lion": lion,
    "nadam": nadam,
    "adagrad": adagrad,
}


def build(text: str) -> Callable[[], keras.optimizers.Optimizer]:
    """Returns what makes the optimizer of a spec, once TensorFlow is there.

    Raises:
        UsageError: The spec is wrong; the place is marked.
    """
    call = spec.single(text)
    function = spec.look_up(call, OPTIMIZERS, "optimizer")
    arguments = spec.arguments(call, function)
    if arguments.get("weight_decay", 0.0) < 0:
        message = f"weight_decay must be 0 or more, not {arguments['weight_decay']}"
        raise spec.error(call.text, call.column, message)

    def make() -> keras.optimizers.Optimizer:
        try:
            return function(**arguments)
        except ValueError as problem:
            raise UsageError(f"--optimizer: {problem}") from None

    return make


def prepare(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]
) -> None:
    """Makes an optimizer ready for gradients that are already summed over replicas.

    Call it within the strategy's scope: an optimizer whose variables are made
    elsewhere trains wrongly without a word.

    Args:
        optimizer: Made in the same scope.
        variables: What it will train. Weight decay leaves out those of fewer than two
            dimensions: biases, and scales and offsets of norms.
    """
    if optimizer.weight_decay is not None:
        optimizer.exclude_from_weight_decay(
            var_list=[variable for variable in variables if len(variable.shape) < 2]
        )
    optimizer.build(variables)
    # Keras would sum them once more, after it had clipped each replica's own.
    if not callable(getattr(optimizer, "_all_reduce_sum_gradients", None)):
        raise RuntimeError("this version of Keras reduces gradients in another place")
    optimizer._all_reduce_sum_gradients = list


def set_learning_rate(optimizer: keras.optimizers.Optimizer, rate: tf.Tensor) -> None:
    """Sets the rate of the next update, in a graph or eagerly."""
    optimizer.learning_rate.assign(rate)
