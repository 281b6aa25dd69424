"""A compiled Keras model, trained as `fit` would train it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from framework.data.split import Split
from framework.diagnose.core.architecture import Architecture
from framework.diagnose.core.budget import Allowance
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import (
    Gradients,
    Program,
    StepRecord,
    TrialResult,
    relative_length,
)
from framework.diagnose.programs import (
    keras_optimizers,
    keras_training,
    model_edits,
    prolonging,
    redraw,
    watch_layers,
)
from framework.diagnose.programs.keras_batches import Examples
from framework.diagnose.programs.keras_data import Arrays, Source
from framework.diagnose.programs.keras_loop import KerasLoop, is_own
from framework.diagnose.programs.prolonging import places
from framework.diagnose.programs.untouched import Untouched
from framework.errors import UsageError


class KerasProgram(Program):
    """See base class.

    Args:
        model: Compiled.
        source: The training data.
    """

    def __init__(self, model: keras.Model, source: Source):
        self._model, self._source = model, source
        self._build()
        self._loop = KerasLoop(model)
        self.initial = _values(self._state())

    @property
    def model(self) -> keras.Model:
        """The model, with the weights after the last step."""
        return self._model

    @property
    def architecture(self) -> Architecture:
        """See base class."""
        return model_edits.architecture(self._model)

    @property
    def loop(self) -> KerasLoop:
        """The loop that trains and calls the model unchanged."""
        return self._loop

    @contextlib.contextmanager
    def as_before(self) -> Iterator[None]:
        """Restores the model and its optimizer on leaving."""
        variables = self._state()
        before = _values(variables)
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
            _assign(variables, before)

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """Sets the state before the first step; restores the present one on leaving."""
        with self._weights(at_initialization=True):
            yield

    def predict(self, images: np.ndarray, training: bool = False) -> np.ndarray:
        """See base class."""
        with _accepting():
            return self._loop.predict(images, training)

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """See base class."""
        images = np.asarray(images, np.float32)
        with _accepting():
            seen = watch_layers.first_inputs(self._model, images)
        if seen is None:
            return images
        # Flattened or not, the moments of a channel are those of an image's.
        return seen.reshape(images.shape) if seen.size == images.size else seen

    def predict_live(self, images: np.ndarray) -> np.ndarray:
        """See base class."""
        with self.as_before():
            if self.live is not None:
                _assign(self._model.trainable_variables, self.live)
            return self.predict(images, training=not self._are_evaluated(images[:8]))

    def _are_evaluated(self, images: np.ndarray) -> bool:
        """Returns whether evaluation depends on the weights that are trained."""
        weights = self._model.trainable_variables
        with self.as_before():
            before = self.predict(images)
            _assign(weights, [0.5 * value + 0.1 for value in _values(weights)])
            return not np.array_equal(before, self.predict(images))

    # Kept for the proof of a remedy; no measurement may look at it.
    test: Untouched | None = None
    # The learning rates that callbacks have set, one for each epoch; empty for none.
    epoch_rates: Sequence[float] = ()
    # The weights after the last step, where others have taken their place.
    live: list[np.ndarray] | None = None

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
        with self.as_before():
            _assign(self._model.weights, weights)
            keras_optimizers.restart(self._model.optimizer)
            self.initial = _values(self._state())

    def finish(self) -> None:
        """Ends training as `fit` does: an average of the weights takes over."""
        weights = self._model.trainable_variables
        if keras_optimizers.inner(self._model.optimizer).use_ema:
            self.live = _values(weights)
            self._model.optimizer.finalize_variable_values(weights)

    def predict_reestimated(
        self, images: np.ndarray, train_images: np.ndarray
    ) -> np.ndarray:
        """See base class."""
        norms = model_edits.batch_norms(self._model)
        with self.as_before(), model_edits.reestimating(norms):
            for batch in model_edits.batches(train_images):
                self._model(_as_fed(batch), training=True)
            return self.predict(images)

    def penalty(self, at_initialization: bool) -> float:
        """See base class."""
        with self._weights(at_initialization):
            return float(sum(float(loss) for loss in self._model.losses))

    def step_records(self, count: int, at_initialization: bool) -> list[StepRecord]:
        """See base class."""
        records, size = [], self._source.batch_size
        x, y = self._source.fed
        order = self._source.order(0, len(x))
        with self._weights(at_initialization):
            for place in range(count):
                rows = np.take(
                    order, range(place * size, (place + 1) * size), mode="wrap"
                )
                given = self._source.weights
                batch = x[rows], y[rows], None if given is None else given[rows]
                old = _values(self._model.trainable_variables)
                before = self._batch_loss(*batch)
                self._loop.train(
                    *batch[:2], np.arange(len(rows)), size, weights=batch[2]
                )
                new = _values(self._model.trainable_variables)
                records.append(
                    StepRecord(
                        before, self._batch_loss(*batch), relative_length(old, new)
                    )
                )
        return records

    def _batch_loss(
        self, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None
    ) -> float:
        outputs = tf.constant(self.predict(x))
        return self._loss(_as_fed(y), outputs, weights)

    def loss(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        """See base class."""
        y = tf.constant(self._source.like(labels))
        loss = self._loss(y, tf.constant(outputs.astype(np.float32)))
        return loss - self.penalty(at_initialization=False)

    def gradients(
        self, split: Split, at_initialization: bool
    ) -> dict[str, np.ndarray | None]:
        """See base class."""
        with self._weights(at_initialization):
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
            x, y = tf.constant(batch.x), tf.constant(batch.y)
            weights = None if batch.weights is None else tf.constant(batch.weights)
            outputs = self._model(x, training=is_training)
            with _losing():
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
        """See base class."""
        if is_own(self._model.train_step, keras.Model.train_step):
            raise NotApplicableError("the step is Keras's own")
        batch = self._batch(split)
        with self._weights(at_initialization):
            self._redraw(draw)
            with self.as_before():
                of_loss = self._gradients(batch, is_training)
            return dict(self._step_gradient(batch)), of_loss

    def update_vectors(self, split: Split) -> dict[str, np.ndarray]:
        """See base class."""
        with self._weights(at_initialization=True):
            return self._step_gradient(self._batch(split))

    def _step_gradient(self, batch: Examples) -> dict[str, np.ndarray]:
        """Does a step of the model's own, and returns the gradient that it used."""
        weights = self._model.trainable_variables
        with self._descending():
            before = _values(weights)
            count = len(batch.x)
            self._descent.train(
                batch.x, batch.y, np.arange(count), count, weights=batch.weights
            )
            after = _values(weights)
        return {
            weight.path: old - new
            for weight, old, new in zip(weights, before, after, strict=True)
        }

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

    def _redraw(self, draw: int) -> None:
        """Makes layers draw other numbers."""
        for variable in self._model.variables:
            if variable.path.endswith("seed_generator_state"):
                variable.assign(variable.numpy() + np.array([draw, 0], np.uint32))

    def update_norm(self, split: Split, rate_factor: float) -> float:
        """See base class."""
        x, y, weights = self._batch(split)
        optimizer = keras_optimizers.inner(self._model.optimizer)
        if keras_optimizers.rate_variable(optimizer) is None:
            raise NotApplicableError("the learning rate follows a schedule")
        # From the first step: momentum would hide the effect of the rate.
        with self._weights(at_initialization=True):
            optimizer.learning_rate.assign(optimizer.learning_rate * rate_factor)
            before = _values(self._model.trainable_variables)
            count = optimizer.gradient_accumulation_steps or 1
            order = np.tile(np.arange(len(x)), count)
            self._loop.train(x, y, order, len(x), weights=weights)
            after = _values(self._model.trainable_variables)
        return float(
            np.sqrt(
                sum(np.sum((a - b) ** 2) for a, b in zip(after, before, strict=True))
            )
        )

    def depends_on(self, images: np.ndarray, names: Sequence[str]) -> list[str]:
        """See base class."""
        return model_edits.dependent_kernels(self._model, self.predict, images, names)

    def activations(
        self, images: np.ndarray, at_initialization: bool, training: bool = False
    ) -> dict[str, np.ndarray]:
        """See base class."""
        with (
            self._weights(at_initialization),
            watch_layers.watched(self._model) as seen,
        ):
            self._model(tf.constant(images), training=training)
        return seen

    def weights(self, at_initialization: bool) -> dict[str, np.ndarray]:
        """See base class."""
        with self._weights(at_initialization):
            return {weight.path: weight.numpy() for weight in self._model.weights}

    def train(
        self,
        name: str,
        intervention: Intervention,
        epochs: float,
        at_initialization: bool,
        allowance: Allowance | None = None,
    ) -> TrialResult:
        """See base class."""
        del name
        with self._weights(at_initialization), _accepting():
            return self._trainer.train(
                intervention,
                epochs,
                continued=not at_initialization,
                images=(self.validation_images, self.train_images),
                allowance=allowance,
            )

    def train_anew(
        self,
        intervention: Intervention,
        epochs: float,
        seed: int,
        images: tuple[np.ndarray, np.ndarray],
    ) -> TrialResult:
        """Trains from other initial weights; the program itself is left as it was.

        Args:
            intervention: What is different from the original training.
            epochs: The length, in epochs of the original training.
            seed: Of initial weights, order, augmentation and dropout; see `redraw`.
            images: Two arrays, which are predicted at the end.

        Returns:
            Its predictions are those of these images.

        Raises:
            NotApplicableError: The program has nothing to change so.
        """
        intervention = dataclasses.replace(intervention, seed=seed)
        with (
            redraw.seeded(seed),
            self._weights(at_initialization=True),
            _accepting(),
        ):
            redraw.redraw(self._model, seed)
            self._redraw(seed)
            return self._trainer.train(
                intervention, epochs, continued=False, images=images
            )

    def training_data(self) -> Arrays:
        """Returns the training examples and labels, as the first epoch feeds them."""
        return self._source.fed

    def drawable_weights(self) -> int:
        """Returns how many of the initial weights another seed draws anew."""
        with self._weights(at_initialization=True):
            return redraw.redraw(self._model, seed=0)

    @functools.cached_property
    def _trainer(self) -> keras_training.Trainer:
        return keras_training.Trainer(
            self._model, self._source, self._loop, self.epoch_rates
        )

    def prolonged(self, trained: float, further: float) -> Intervention:
        """See base class."""
        per_epoch = -(-len(self._source.arrays[0]) // self._source.batch_size)
        start, end = (round(each * per_epoch) for each in (trained, trained + further))
        rates = [
            [keras_optimizers.rate_at(self._model.optimizer, step) for step in steps]
            for steps in (places(0, start), places(start, end))
        ]
        if self.epoch_rates:
            rates = [list(self.epoch_rates), list(self.epoch_rates[-1:])]
        return prolonging.prolonged((trained + further) / trained, *rates)

    # Set together with the context; trials predict them at their end.
    validation_images: np.ndarray
    train_images: np.ndarray

    def _build(self) -> None:
        """Creates all variables of model and optimizer, by a step that is undone."""
        x, y = self._source.fed
        weights, size = self._source.weights, self._source.batch_size
        batch = x[:size], y[:size]
        self._model(_as_fed(batch[0][:2]))
        with contextlib.suppress(ValueError):
            self._model.optimizer.build(self._model.trainable_variables)
        before = [(each, np.array(each.numpy())) for each in self._state()]
        unbuilt = [each for each in self._optimizers() if not each.built]
        KerasLoop(self._model).train(
            *batch,
            np.arange(len(batch[0])),
            len(batch[0]),
            weights=None if weights is None else weights[:size],
            eagerly=True,
        )
        for variable, value in before:
            variable.assign(value)
        for optimizer in unbuilt:
            # Its variables were made within the step, and begin anew.
            anew = type(optimizer).from_config(optimizer.get_config())
            anew.build(optimizer._trainable_variables)
            _assign(optimizer.variables, _values(anew.variables))
        self._model.reset_metrics()

    def _owned(self, kind: type) -> list[Any]:
        """Returns the attributes of the model of a kind, also those in lists."""
        values = [
            each if isinstance(each, (list, tuple)) else [each]
            for each in (self._model.optimizer, *vars(self._model).values())
        ]
        flat = itertools.chain.from_iterable(values)
        return list(
            {id(each): each for each in flat if isinstance(each, kind)}.values()
        )

    def _optimizers(self) -> list[keras.optimizers.Optimizer]:
        return self._owned(keras.optimizers.Optimizer)

    def _state(self) -> list[keras.Variable | tf.Variable]:
        """Returns all variables that a training step can change."""
        variables = [*self._model.variables, *self._owned(tf.Variable)]
        for optimizer in self._optimizers():
            variables += optimizer.variables
        return list({id(each): each for each in variables}.values())

    @contextlib.contextmanager
    def _weights(self, at_initialization: bool) -> Iterator[None]:
        with self.as_before():
            if at_initialization:
                _assign(self._state(), self.initial)
            yield

    def _batch(self, split: Split) -> Examples:
        y = self._source.like(split.labels)
        x = split.images
        return Examples(_fed(x), _fed(y), self._source.weights_of(x, y))

    def _loss(
        self, y: tf.Tensor, outputs: tf.Tensor, weights: np.ndarray | None = None
    ) -> float:
        with _losing():
            return float(
                self._model.compute_loss(
                    x=None, y=y, y_pred=outputs, sample_weight=weights
                )
            )


@contextlib.contextmanager
def _accepting() -> Iterator[None]:
    """Translates the error of inputs that an embedding has no row for.

    Raises:
        NotApplicableError: The model does not take them.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as problem:
        raise NotApplicableError("the model does not accept these inputs") from problem


@contextlib.contextmanager
def _losing() -> Iterator[None]:
    """Translates the error of a loss that does not take the outputs.

    Raises:
        NotApplicableError: It does not, or there is none.
    """
    try:
        yield
    except (ValueError, tf.errors.InvalidArgumentError) as problem:
        line = " ".join(str(problem).split())[:200]
        raise NotApplicableError(f"the model has no loss to compute: {line}") from None


def _fed(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) if values.dtype == np.float64 else values


def _as_fed(values: np.ndarray) -> tf.Tensor:
    return tf.constant(_fed(values))


def _values(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    return [np.array(variable.numpy()) for variable in variables]


def _assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
