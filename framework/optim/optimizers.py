"""Optimizers: what an `--optimizer` spec can name. All are Keras's own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from framework.config import reference, spec
from framework.errors import UsageError

# Weight decay is decoupled from the gradient (Loshchilov & Hutter, 2019) in all.


def sgd(
    momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
) -> keras.optimizers.Optimizer:
    """Stochastic gradient descent."""
    from framework.optim import fused

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
    from framework.optim import fused

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


# Beyond these an optimizer computes NaN, or moves away from the minimum.
_RANGES: dict[str, tuple[Callable[[float], bool], str]] = {
    "beta_1": (lambda value: 0 <= value < 1, "from 0 to below 1"),
    "beta_2": (lambda value: 0 <= value < 1, "from 0 to below 1"),
    "rho": (lambda value: 0 <= value < 1, "from 0 to below 1"),
    "momentum": (lambda value: 0 <= value < 1, "from 0 to below 1"),
    "epsilon": (lambda value: value > 0, "positive"),
    "initial_accumulator": (lambda value: value >= 0, "0 or more"),
    "weight_decay": (lambda value: value >= 0, "0 or more"),
}


def build(text: str) -> Callable[[], keras.optimizers.Optimizer]:
    """Returns what makes the optimizer of a spec, once TensorFlow is there.

    A member of the user's own, `module:name(...)`, is a Keras optimizer or a function
    that returns one.

    Raises:
        UsageError: The spec is wrong; the place is marked.
    """
    call = spec.single(text)
    function = spec.look_up(call, OPTIMIZERS, "optimizer")
    arguments = spec.arguments(call, function)
    if call.name in OPTIMIZERS:
        for name, value in arguments.items():
            if name in _RANGES and not _RANGES[name][0](value):
                message = f"{name} must be {_RANGES[name][1]}, not {value}"
                raise spec.error(call.text, call.column, message)
        return functools.partial(_own, function, arguments)

    def make() -> keras.optimizers.Optimizer:
        made = reference.call(function, f"--optimizer: {call.name}", **arguments)
        _check(made, call)
        return made

    return make


def _own(
    function: Callable[..., keras.optimizers.Optimizer], arguments: dict[str, object]
) -> keras.optimizers.Optimizer:
    """Makes an optimizer of the table, for whose values Keras has the best words."""
    try:
        return function(**arguments)
    except ValueError as problem:
        raise UsageError(f"--optimizer: {problem}") from None


def _check(optimizer: object, call: spec.Call) -> None:
    """Refuses what no run could train with."""
    what = f"a keras.optimizers.Optimizer, not a {type(optimizer).__name__}"
    spec.require(call, isinstance(optimizer, keras.optimizers.Optimizer), what)
    is_number = isinstance(optimizer._learning_rate, keras.Variable)
    spec.require(call, is_number, "without a schedule, which --schedule gives")


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
