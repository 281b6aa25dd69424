"""Copies a Keras model that was built under a distribution strategy."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from framework.errors import UsageError


def one_device(model: keras.Model) -> keras.Model:
    """Returns a model whose variables are on one device: itself, or a copy.

    The copy has the weights, the loss, the metrics and the state of the optimizer. Of a
    training step of the model's own, it has the code: in it there is one replica.

    Raises:
        UsageError: A strategy's scope is entered, or the model cannot be copied.
    """
    if tf.distribute.has_strategy():
        raise UsageError(
            "call explain outside of strategy.scope(); it trains on one device"
        )
    if getattr(model, "_distribute_strategy", None) is None:
        return model
    if not model.built:
        raise UsageError(
            "the model was made under a strategy and has no weights yet; call it on a "
            "batch first"
        )
    try:
        copy = type(model).from_config(model.get_config())
        if not copy.built:
            copy.build(model.input_shape)
        copy.set_weights([np.asarray(each) for each in model.get_weights()])
        copy.compile_from_config(model.get_compile_config())
        _copy_optimizer(model.optimizer, copy)
    except Exception as problem:
        line = " ".join(str(problem).split())[:200]
        raise UsageError(
            f"the model was built under a strategy and cannot be copied ({line}); "
            f"build and compile it outside of strategy.scope() to explain it"
        ) from problem
    return copy


def _copy_optimizer(optimizer: keras.optimizers.Optimizer, copy: keras.Model) -> None:
    if not optimizer.built:
        return
    copy.optimizer.build(copy.trainable_variables)
    pairs = zip(copy.optimizer.variables, optimizer.variables, strict=True)
    for variable, other in pairs:
        variable.assign(other.numpy())
