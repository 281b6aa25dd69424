"""The optimizers that an `--optimizer` spec can name. All are Keras's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from framework.config import reference, spec
from framework.errors import UsageError

# Weight decay is decoupled from the gradient in all (Loshchilov & Hutter, 2019).


def sgd(
    momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
) -> keras.optimizers.Optimizer:
    """Stochastic gradient descent.

    >>> weight, optimizer = keras.Variable([1.0]), sgd()
    >>> optimizer.learning_rate = 0.1
    >>> optimizer.apply([tf.constant([2.0])], [weight])
    >>> round(float(weight.numpy()[0]), 3)
    0.8
    """
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
    """Adam (Kingma & Ba, 2015).

    >>> weight, optimizer = keras.Variable([1.0]), adam()
    >>> optimizer.learning_rate = 0.1
    >>> optimizer.apply([tf.constant([2.0])], [weight])
    >>> round(float(weight.numpy()[0]), 3)
    0.9
    """
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
    """Adam with Keras's default weight decay.

    >>> weight, optimizer = keras.Variable([1.0]), adamw()
    >>> optimizer.learning_rate = 0.1
    >>> optimizer.apply([tf.constant([2.0])], [weight])
    >>> round(float(weight.numpy()[0]), 3)
    0.9
    """
    return adam(beta_1, beta_2, epsilon, weight_decay)


def rmsprop(
    rho: float = 0.9,
    momentum: float = 0.0,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
) -> keras.optimizers.Optimizer:
    """RMSprop (Tieleman & Hinton, 2012).

    >>> weight, optimizer = keras.Variable([1.0]), rmsprop()
    >>> optimizer.learning_rate = 0.1
    >>> optimizer.apply([tf.constant([2.0])], [weight])
    >>> round(float(weight.numpy()[0]), 3)
    0.684
    """
    return keras.optimizers.RMSprop(
        rho=rho, momentum=momentum, epsilon=epsilon, weight_decay=weight_decay or None
    )


def lion(
    beta_1: float = 0.9, beta_2: float = 0.99, weight_decay: float = 0.0
) -> keras.optimizers.Optimizer:
    """Lion (Chen et al., 2023).

    >>> weight, optimizer = keras.Variable([1.0]), lion()
    >>> optimizer.learning_rate = 0.1
    >>> optimizer.apply([tf.constant([2.0])], [weight])
    >>> round(float(weight.numpy()[0]), 3)
    0.9
    """
    return keras.optimizers.Lion(
        beta_1=beta_1, beta_2=beta_2, weight_decay=weight_decay or None
    )


def nadam(
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
) -> keras.optimizers.Optimizer:
    """Adam with Nesterov momentum (Dozat, 2016).

    >>> weight, optimizer = keras.Variable([1.0]), nadam()
    >>> optimizer.learning_rate = 0.1
    >>> optimizer.apply([tf.constant([2.0])], [weight])
    >>> round(float(weight.numpy()[0]), 3)
    0.894
    """
    return keras.optimizers.Nadam(
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        weight_decay=weight_decay or None,
    )


def adagrad(
    initial_accumulator: float = 0.1, epsilon: float = 1e-7, weight_decay: float = 0.0
) -> keras.optimizers.Optimizer:
    """Adagrad (Duchi et al., 2011).

    >>> weight, optimizer = keras.Variable([1.0]), adagrad()
    >>> optimizer.learning_rate = 0.1
    >>> optimizer.apply([tf.constant([2.0])], [weight])
    >>> round(float(weight.numpy()[0]), 3)
    0.901
    """
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


# Outside these ranges an optimizer computes NaN, or ascends.
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
    """Returns a function that creates the optimizer of a spec.

    The spec is checked without importing TensorFlow. In a user's own `module:name(...)`
    the name is a Keras optimizer or a function that returns one.

    >>> build("sgd(momentum=0.9)")().momentum
    0.9

    Raises:
        UsageError: The spec is wrong; the message marks the place.
    """
    call = spec.single(text)
    function = spec.look_up(call, OPTIMIZERS, "optimizer")
    arguments = spec.arguments(call, function)
    if call.name in OPTIMIZERS:
        for name, value in arguments.items():
            if name in _RANGES and not _RANGES[name][0](value):
                message = f"{name} must be {_RANGES[name][1]}, not {value}"
                raise spec.error(call.text, call.column, message)
        return functools.partial(_build_member, function, arguments)

    def build_own() -> keras.optimizers.Optimizer:
        optimizer = reference.call(function, f"--optimizer: {call.name}", **arguments)
        _check(optimizer, call)
        return optimizer

    return build_own


def _build_member(
    function: Callable[..., keras.optimizers.Optimizer], arguments: dict[str, object]
) -> keras.optimizers.Optimizer:
    """Builds a member of `OPTIMIZERS`; reports Keras's errors as wrong arguments."""
    try:
        return function(**arguments)
    except ValueError as problem:
        raise UsageError(f"--optimizer: {problem}") from None


def _check(optimizer: keras.optimizers.Optimizer, call: spec.Call) -> None:
    """Checks that a user's optimizer is a Keras one without a schedule of its own."""
    expected = f"a keras.optimizers.Optimizer, not a {type(optimizer).__name__}"
    spec.require(call, isinstance(optimizer, keras.optimizers.Optimizer), expected)
    is_constant = isinstance(optimizer._learning_rate, keras.Variable)
    spec.require(call, is_constant, "without a schedule, which --schedule gives")


def prepare(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]
) -> None:
    """Builds an optimizer for gradients that are already summed over replicas.

    Call it inside the strategy's scope: an optimizer whose variables are created
    elsewhere trains wrongly without an error.

    Args:
        optimizer: An optimizer created in the same scope.
        variables: The trainable variables. Weight decay excludes those with fewer than
            two dimensions: biases, and scales and offsets of norms.

    Raises:
        RuntimeError: This version of Keras reduces gradients elsewhere.
    """
    if optimizer.weight_decay is not None:
        optimizer.exclude_from_weight_decay(
            var_list=[variable for variable in variables if len(variable.shape) < 2]
        )
    optimizer.build(variables)
    # Keras would sum them again, after clipping each replica's gradients.
    if not callable(getattr(optimizer, "_all_reduce_sum_gradients", None)):
        raise RuntimeError(
            "this version of Keras is not supported: its optimizers have no "
            "_all_reduce_sum_gradients; install that of third_party/constraints.txt"
        )
    optimizer._all_reduce_sum_gradients = list


def set_learning_rate(optimizer: keras.optimizers.Optimizer, rate: tf.Tensor) -> None:
    """Sets the learning rate of the next update, in a graph or eagerly."""
    optimizer.learning_rate.assign(rate)
