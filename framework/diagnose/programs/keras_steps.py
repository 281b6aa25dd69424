"""Steps and gradients of a compiled Keras model; each is undone."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from framework.data.split import Split
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import Gradients, StepRecord, relative_length
from framework.diagnose.programs import keras_optimizers, redraw
from framework.diagnose.programs.keras_batches import Examples
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_loop import KerasLoop, is_own, tensor
from framework.diagnose.programs.keras_state import KerasState
from framework.diagnose.programs.variables import values


class KerasSteps:
    """Does steps of a model and undoes them.

    Args:
        model: Compiled.
        source: The training data.
        state: Of the model.
        loop: The loop that trains and calls the model unchanged.
    """

    def __init__(
        self, model: keras.Model, source: Source, state: KerasState, loop: KerasLoop
    ):
        self._model, self._source = model, source
        self._state, self._loop = state, loop

    def records(self, count: int, at_initialization: bool) -> list[StepRecord]:
        """Returns the records of training steps; see `Program.step_records`."""
        records, size = [], self._source.batch_size
        x, y = self._source.fed
        given = self._source.weights
        order = self._source.order(0, len(x))
        with self._state.at(at_initialization):
            for place in range(count):
                rows = np.take(
                    order, range(place * size, (place + 1) * size), mode="wrap"
                )
                batch = Examples(
                    x[rows], y[rows], None if given is None else given[rows]
                )
                old = values(self._model.trainable_variables)
                before = self._batch_loss(batch)
                self._train(self._loop, batch)
                new = values(self._model.trainable_variables)
                records.append(
                    StepRecord(
                        before, self._batch_loss(batch), relative_length(old, new)
                    )
                )
        return records

    def _batch_loss(self, batch: Examples) -> float:
        outputs = tf.constant(self._loop.predict(batch.x))
        return loss_of(self._model, tensor(batch.y), outputs, batch.weights)

    def gradients(self, split: Split, at_initialization: bool) -> Gradients:
        """Returns the gradient of the loss; see `Program.gradients`."""
        with self._state.at(at_initialization):
            return self._gradients(self._batch(split), is_training=True)

    def _gradients(self, batch: Examples, is_training: bool) -> Gradients:
        """Returns the gradient of the compiled loss at the present weights.

        Raises:
            NotApplicableError: There is no such loss, or it does not take the outputs.
        """
        # In float16 small gradients would become 0.
        scaled = keras_optimizers.has_loss_scale(self._model.optimizer)
        scale = keras_optimizers.LOSS_SCALE if scaled else 1.0
        with tf.GradientTape() as tape:
            x, y = tensor(batch.x), tensor(batch.y)
            weights = None if batch.weights is None else tf.constant(batch.weights)
            outputs = self._model(x, training=is_training)
            with _computing_loss():
                loss = scale * self._model.compute_loss(
                    x=x, y=y, y_pred=outputs, sample_weight=weights
                )
        weights = self._model.trainable_variables
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        return {
            weight.path: None
            if gradient is None
            else tf.convert_to_tensor(gradient).numpy() / scale
            for weight, gradient in zip(weights, gradients, strict=True)
        }

    def step_gradients(
        self, split: Split, at_initialization: bool, draw: int, is_training: bool
    ) -> tuple[Gradients, Gradients]:
        """Returns the step's gradient and the loss's; see `Program.step_gradients`."""
        if is_own(self._model.train_step, keras.Model.train_step):
            raise NotApplicableError("the step is Keras's own")
        batch = self._batch(split)
        with self._state.at(at_initialization):
            redraw.advance_generators(self._model, draw)
            with self._state.restoring():
                of_loss = self._gradients(batch, is_training)
            return dict(self._step_gradient(batch)), of_loss

    def update_vectors(self, split: Split) -> dict[str, np.ndarray]:
        """Returns the gradient of the first step; see `Program.update_vectors`."""
        with self._state.at(at_initialization=True):
            return self._step_gradient(self._batch(split))

    def _step_gradient(self, batch: Examples) -> dict[str, np.ndarray]:
        """Does a step of the model's own, and returns the gradient that it used."""
        weights = self._model.trainable_variables
        with self._descending():
            before = values(weights)
            # Keras's own step is the same; a few of them take less than compiling.
            eagerly = is_own(self._model.train_step, keras.Model.train_step)
            self._train(self._descent, batch, eagerly=eagerly)
            after = values(weights)
        return {
            weight.path: old - new
            for weight, old, new in zip(weights, before, after, strict=True)
        }

    def update_norm(self, split: Split, rate_factor: float) -> float:
        """Returns the length of a step at another rate; see `Program.update_norm`."""
        batch = self._batch(split)
        optimizer = keras_optimizers.inner(self._model.optimizer)
        if keras_optimizers.rate_variable(optimizer) is None:
            raise NotApplicableError("the learning rate follows a schedule")
        # From the first step: momentum would hide the effect of the rate.
        with self._state.at(at_initialization=True):
            optimizer.learning_rate.assign(optimizer.learning_rate * rate_factor)
            before = values(self._model.trainable_variables)
            count = optimizer.gradient_accumulation_steps or 1
            self._train(self._loop, batch, count)
            after = values(self._model.trainable_variables)
        return float(
            np.sqrt(
                sum(np.sum((a - b) ** 2) for a, b in zip(after, before, strict=True))
            )
        )

    def _train(
        self, loop: KerasLoop, batch: Examples, count: int = 1, eagerly: bool = False
    ) -> None:
        """Trains on a batch, several times if `count` says so."""
        size = len(batch.x)
        order = np.tile(np.arange(size), count)
        loop.train(
            batch.x, batch.y, order, size, weights=batch.weights, eagerly=eagerly
        )

    @functools.cached_property
    def _descent(self) -> KerasLoop:
        """The loop that is traced with the optimizers of `_descending`."""
        return KerasLoop(self._model)

    @functools.cached_property
    def _plain_optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """Gradient descent at a rate of 1, for each attribute with an optimizer."""
        own = {"optimizer": self._model.optimizer, **vars(self._model)}
        optimizers: dict[str, keras.optimizers.Optimizer] = {}
        for name, value in own.items():
            if isinstance(value, keras.optimizers.Optimizer):
                scaled = keras_optimizers.has_loss_scale(value)
                optimizers[name] = keras.optimizers.SGD(
                    1.0,
                    loss_scale_factor=keras_optimizers.LOSS_SCALE if scaled else None,
                )
                optimizers[name].build(self._model.trainable_variables)
        return optimizers

    @contextlib.contextmanager
    def _descending(self) -> Iterator[None]:
        """Puts plain gradient descent in the place of the model's optimizers."""
        plain = self._plain_optimizers
        before = {name: getattr(self._model, name) for name in plain}
        try:
            for name, optimizer in plain.items():
                setattr(self._model, name, optimizer)
            yield
        finally:
            for name, optimizer in before.items():
                setattr(self._model, name, optimizer)

    def _batch(self, split: Split) -> Examples:
        y = self._source.like(split.labels)
        return Examples(split.images, y, self._source.weights_of(split.images, y))


def loss_of(
    model: keras.Model,
    y: tf.Tensor,
    outputs: tf.Tensor,
    weights: np.ndarray | None = None,
) -> float:
    """Returns the compiled loss of a batch, with the penalties of layers.

    Args:
        model: Compiled.
        y: [N, ...], labels as they are fed.
        outputs: float32 [N, U].
        weights: Of the examples, float32 [N]; None for none.

    Raises:
        NotApplicableError: There is no such loss, or it does not take the outputs.
    """
    with _computing_loss():
        return float(
            model.compute_loss(x=None, y=y, y_pred=outputs, sample_weight=weights)
        )


@contextlib.contextmanager
def _computing_loss() -> Iterator[None]:
    """Translates the error of a loss that does not take the outputs.

    Raises:
        NotApplicableError: It does not, or there is none.
    """
    try:
        yield
    except (ValueError, tf.errors.InvalidArgumentError) as problem:
        line = " ".join(str(problem).split())[:200]
        raise NotApplicableError(f"the model has no loss to compute: {line}") from None
