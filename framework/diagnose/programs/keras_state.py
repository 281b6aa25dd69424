"""The state of a compiled Keras model: all that a training step can change."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from framework.diagnose.programs import keras_optimizers
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_loop import KerasLoop, tensor
from framework.diagnose.programs.variables import assign, values
from framework.errors import UsageError


class KerasState:
    """The variables of a model and of all its optimizers.

    Args:
        model: Compiled. Variables that are made in the first step are made here.
        source: The training data.
        is_built: Whether there are all of these already.

    Attributes:
        initial: The values of `variables` before the first step.
    """

    def __init__(self, model: keras.Model, source: Source, is_built: bool = False):
        self._model = model
        if not is_built:
            self._build(source)
        self.initial = values(self.variables())

    def _build(self, source: Source) -> None:
        """Creates all variables of model and optimizer, by a step that is undone."""
        x, y = source.fed
        weights, size = source.weights, source.batch_size
        batch = x[:size], y[:size]
        self._model(tensor(batch[0][:2]))
        with contextlib.suppress(ValueError):
            self._model.optimizer.build(self._model.trainable_variables)
        variables = self.variables()
        before = values(variables)
        unbuilt = [each for each in self._optimizers() if not each.built]
        KerasLoop(self._model).train(
            *batch,
            np.arange(len(batch[0])),
            len(batch[0]),
            weights=None if weights is None else weights[:size],
            eagerly=True,
        )
        assign(variables, before)
        for optimizer in unbuilt:
            # Its variables were made within the step, and begin anew.
            anew = type(optimizer).from_config(optimizer.get_config())
            anew.build(optimizer._trainable_variables)
            assign(optimizer.variables, values(anew.variables))
        self._model.reset_metrics()

    def variables(self) -> list[keras.Variable | tf.Variable]:
        """Returns all variables that a training step can change."""
        variables = [*self._model.variables, *self._owned(tf.Variable)]
        for optimizer in self._optimizers():
            variables += optimizer.variables
        return list({id(each): each for each in variables}.values())

    @contextlib.contextmanager
    def restoring(self) -> Iterator[None]:
        """Restores the model and its optimizer on leaving."""
        variables = self.variables()
        before = values(variables)
        trainable = [
            (layer, layer.trainable) for layer in self._model._flatten_layers()
        ]
        optimizer = self._model.optimizer
        try:
            yield
        finally:
            for layer, value in trainable:
                if layer.trainable != value:
                    layer.trainable = value
            self._model.optimizer = optimizer
            assign(variables, before)

    @contextlib.contextmanager
    def at(self, at_initialization: bool) -> Iterator[None]:
        """Sets the state before the first step, or keeps it; restores it on leaving.

        Args:
            at_initialization: Whether to set it.
        """
        with self.restoring():
            if at_initialization:
                assign(self.variables(), self.initial)
            yield

    def begin_with(self, weights: list[np.ndarray]) -> None:
        """Sets the weights that trials begin with.

        Args:
            weights: Those before the first step, in the model's order.

        Raises:
            UsageError: They are of another model.
        """
        shapes = [tuple(weight.shape) for weight in self._model.weights]
        if shapes != [value.shape for value in weights]:
            raise UsageError(
                "the recording is of another model, with weights of other shapes; give "
                "`watched` the folder of this model's Watch"
            )
        with self.restoring():
            assign(self._model.weights, weights)
            keras_optimizers.restart(self._model.optimizer)
            self.initial = values(self.variables())

    def _owned(self, kind: type) -> list[Any]:
        """Returns the attributes of the model of a kind, also those in lists."""
        attributes = [
            each if isinstance(each, (list, tuple)) else [each]
            for each in (self._model.optimizer, *vars(self._model).values())
        ]
        flat = itertools.chain.from_iterable(attributes)
        return list(
            {id(each): each for each in flat if isinstance(each, kind)}.values()
        )

    def _optimizers(self) -> list[keras.optimizers.Optimizer]:
        return self._owned(keras.optimizers.Optimizer)
