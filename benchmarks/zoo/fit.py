"""Trains as `fit` does, with one call per epoch, in half of the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.zoo.cases import Program

Arrays = tuple[np.ndarray, np.ndarray]


def fit(
    program: Program, callbacks: Sequence[keras.callbacks.Callback]
) -> list[dict[str, float]]:
    """Trains a program; returns the metrics of each epoch, named as by `fit`.

    Args:
        program: Of which the model's own steps are used.
        callbacks: Whose methods at the begin and the end of epochs are called.
    """
    model, size = program.model, program.batch_size
    hooks = [*program.callbacks, *callbacks]
    callback_list = keras.callbacks.CallbackList(hooks, model=model)
    draws = np.random.default_rng(0)
    _build(model, program)
    train, test = _epoch(model, "train_step"), _epoch(model, "test_step")
    logs = []
    for epoch in range(program.epochs):
        callback_list.on_epoch_begin(epoch)
        x, y, batch = _arrays(program.train, size)
        order = draws.permutation(len(x)) if size else np.arange(len(x))
        trained = train(x, y, order, batch)
        x, y, batch = _arrays(program.validation, size)
        tested = test(x, y, np.arange(len(x)), batch)
        logs.append(trained | {f"val_{name}": value for name, value in tested.items()})
        callback_list.on_epoch_end(epoch, logs[-1])
    return logs


def _build(model: keras.Model, program: Program) -> None:
    x, y, _ = _arrays(program.train, 2)
    outputs = model(x[:2])
    model.optimizer.build(model.trainable_variables)
    if model.loss is not None:
        model.compute_loss(y=tf.constant(y[:2]), y_pred=outputs)
        model.reset_metrics()


def _arrays(data: Any, size: int | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Returns the examples of the next epoch, and the batch size."""
    if isinstance(data, tuple):
        x, y = data
        return _fed(x), _fed(y), size
    if isinstance(data, tf.data.Dataset):
        batches = list(data.as_numpy_iterator())
    else:
        batches = [data[index] for index in range(len(data))]
        data.on_epoch_end()
    x, y = (np.concatenate(each) for each in zip(*batches, strict=True))
    return _fed(x), _fed(y), len(batches[0][1])


def _fed(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) if values.dtype == np.float64 else values


def _epoch(model: keras.Model, name: str) -> Callable[..., dict[str, float]]:
    """Returns a function that runs an epoch and returns the reported metrics."""
    step = getattr(model, name)
    is_plain = step.__func__ is getattr(keras.Model, name)

    @tf.function(autograph=False)
    def steps(x, y, order, size):
        def one(start):
            rows = order[start : start + size]
            metrics = step((tf.gather(x, rows), tf.gather(y, rows)))
            return {} if is_plain else _flat(metrics)

        def go_on(start, _):
            return start + size, one(start)

        # What a step of one's own reports has a structure once it was done.
        begin = (0, {}) if is_plain else (size, one(tf.constant(0)))
        _, metrics = tf.while_loop(
            lambda start, _: start < tf.size(order), go_on, begin, parallel_iterations=1
        )
        return _flat(model.get_metrics_result()) if is_plain else metrics

    def run(x, y, order, size) -> dict[str, float]:
        model.reset_metrics()
        metrics = steps(
            tf.constant(x), tf.constant(y), tf.constant(order), tf.constant(size)
        )
        return {name: float(value) for name, value in metrics.items()}

    return run


def _flat(metrics: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Returns the reported metrics, with nested dictionaries flattened."""
    flat = {}
    for name, value in metrics.items():
        if isinstance(value, dict):
            flat |= _flat(value)
        else:
            flat[name] = tf.cast(value, tf.float32)
    return flat
