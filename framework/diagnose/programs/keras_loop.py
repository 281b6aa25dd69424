"""Trains and evaluates a compiled Keras model by its own steps, an epoch a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from framework import compiled
from framework.diagnose.programs.variables import restoring
from framework.numerics import outputs as outputs_lib
from framework.numerics.metrics import Predictions, from_log_probabilities

_BATCH = 256
# Examples, labels, and perhaps weights.
_Data = tuple[np.ndarray, ...]
_Tensors = tuple[tf.Tensor, ...]


class KerasLoop:
    """Trains and evaluates as `fit` does, with less overhead.

    Args:
        model: Compiled, and called on a batch before. Its own `train_step` and
            `test_step` are used, whatever they do.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self._train = compiled.function(self._train_steps)
        self._test = compiled.function(self._test_steps)
        self._outputs = compiled.function(self._call)

    def train(
        self,
        x: np.ndarray,
        y: np.ndarray,
        order: np.ndarray,
        batch_size: int,
        *,
        weights: np.ndarray | None = None,
        eagerly: bool = False,
        resets: bool = True,
    ) -> dict[str, float]:
        """Trains on examples in an order; returns the reported metrics.

        Args:
            x: [N, ...].
            y: [N, ...].
            order: int [M], which of them, in batches of `batch_size`.
            batch_size: The last one may be smaller.
            weights: Of the examples, float32 [N]; None for none.
            eagerly: Whether step by step, as it must be where variables are yet to be
                made.
            resets: Whether metrics begin anew.
        """
        if resets:
            self.model.reset_metrics()
        data = _data(x, y, weights)
        if eagerly:
            return self._eagerly(True, data, order, batch_size)
        return self._run(self._train, data, order, batch_size)

    def test(
        self,
        x: np.ndarray,
        y: np.ndarray,
        batch_size: int,
        weights: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Evaluates as `evaluate` does; returns the reported metrics."""
        self.model.reset_metrics()
        return self._run(
            self._test, _data(x, y, weights), np.arange(len(x)), batch_size
        )

    def predict(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Returns the outputs of the model: float32 [N, U]; nothing in it changes."""
        # Traced once, however many images there are in the last batch.
        spec = tf.TensorSpec([None, *x.shape[1:]], tensor(x[:1]).dtype)
        call: Callable[[tf.Tensor, bool], tf.Tensor] = self._call
        if not self.model.run_eagerly:
            call = self._outputs.get_concrete_function(spec, training)
        variables = self.model.non_trainable_variables if training else []
        with restoring(variables):
            outputs = [
                # Without the mode, TensorFlow would first fail, with a long message.
                call(tensor(x[start : start + _BATCH]), training).numpy()
                for start in range(0, len(x), _BATCH)
            ]
        return np.concatenate(outputs).reshape(len(x), -1)

    def predictions(self, x: np.ndarray, labels: np.ndarray) -> Predictions:
        """Returns the predictions of labelled images.

        Args:
            x: [N, ...].
            labels: int [N].
        """
        return predictions_of(self.predict(x), labels)

    def _run(
        self,
        steps: tf.types.experimental.PolymorphicFunction,
        data: _Data,
        order: np.ndarray,
        batch_size: int,
    ) -> dict[str, float]:
        if self.model.run_eagerly:
            return self._eagerly(steps is self._train, data, order, batch_size)
        values = [*map(tensor, data), tf.constant(order)]
        # Traced once, however many examples there are.
        specs = [tf.TensorSpec([None, *each.shape[1:]], each.dtype) for each in values]
        traced = steps.get_concrete_function(
            tuple(specs[:-1]), specs[-1], tf.TensorSpec([], tf.int32)
        )
        return _scalars(traced(tuple(values[:-1]), values[-1], tf.constant(batch_size)))

    def _eagerly(
        self, training: bool, data: _Data, order: np.ndarray, size: int
    ) -> dict[str, float]:
        step = self.model.train_step if training else self.model.test_step
        metrics: Mapping[str, Any] = {}
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            metrics = step(tuple(tensor(each[rows]) for each in data))
        return _scalars(metrics)

    def _train_steps(
        self, data: _Tensors, order: tf.Tensor, size: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        step = self.model.train_step
        is_plain = is_own(step, keras.Model.train_step)
        return self._steps(
            step, _batches(data, order, size), tf.size(order), size, is_plain
        )

    def _test_steps(
        self, data: _Tensors, order: tf.Tensor, size: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        step = self.model.test_step
        is_plain = is_own(step, keras.Model.test_step)
        return self._steps(
            step, _batches(data, order, size), tf.size(order), size, is_plain
        )

    def _steps(
        self,
        step: Callable[..., Any],
        batches: Callable[[tf.Tensor], _Tensors],
        count: tf.Tensor,
        size: tf.Tensor,
        is_plain: bool,
    ) -> dict[str, tf.Tensor]:
        """Runs steps over batches of `size` of `count` examples.

        Args:
            step: Of the model.
            batches: Returns the batch that begins at a position.
            count: The number of examples.
            size: Of a batch.
            is_plain: Whether the step is Keras's own, whose metrics the model keeps.
        """

        def run(start: tf.Tensor) -> dict[str, tf.Tensor]:
            metrics = step(batches(start))
            if is_plain:
                return {}
            return {name: tf.cast(each, tf.float32) for name, each in _flat(metrics)}

        def has_more(start: tf.Tensor, _: dict[str, tf.Tensor]) -> tf.Tensor:
            return start < count

        def advance(
            start: tf.Tensor, _: dict[str, tf.Tensor]
        ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
            return start + size, run(start)

        # The metrics of a custom step are known once it was run.
        begin = (0, {}) if is_plain else (size, run(tf.constant(0)))
        _, metrics = tf.while_loop(has_more, advance, begin, parallel_iterations=1)
        return self.model.get_metrics_result() if is_plain else metrics

    def _call(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        return tf.cast(self.model(x, training=training), tf.float32)


def predictions_of(outputs: np.ndarray, labels: np.ndarray) -> Predictions:
    """Returns the predictions that outputs stand for.

    Args:
        outputs: float32 [N, U], of a model.
        labels: int [N].
    """
    logs = outputs_lib.log_probabilities(outputs)
    return from_log_probabilities(logs, labels)


def _data(x: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> _Data:
    """Returns the arguments of a step: a pair if there are no weights."""
    return (x, y) if weights is None else (x, y, weights)


def _batches(
    data: _Tensors, order: tf.Tensor, size: tf.Tensor
) -> Callable[[tf.Tensor], _Tensors]:
    """Returns a function that gathers the batch that begins at a position."""

    def batch(start: tf.Tensor) -> _Tensors:
        rows = order[start : start + size]
        return tuple(tf.gather(each, rows) for each in data)

    return batch


def is_own(step: Callable[..., Any], method: Callable[..., Any]) -> bool:
    """Returns whether a model's step is this method; it may be any function as well."""
    return getattr(step, "__func__", None) is method


def tensor(values: np.ndarray) -> tf.Tensor:
    """Returns a tensor of the type that `fit` would feed."""
    if values.dtype == np.float64:
        values = values.astype(np.float32)
    return tf.constant(values)


def _flat(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields metrics by name; those of `compile` come in a nested dict."""
    for name, value in metrics.items():
        if isinstance(value, dict):
            yield from _flat(value)
        else:
            yield name, value


def _scalars(metrics: Mapping[str, Any]) -> dict[str, float]:
    values = {name: np.asarray(value) for name, value in _flat(metrics)}
    return {name: float(value) for name, value in values.items() if value.size == 1}
