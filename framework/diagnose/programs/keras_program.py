"""A compiled Keras model, trained as `fit` would train it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Sequence

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
)
from framework.diagnose.programs import (
    keras_optimizers,
    keras_training,
    model_edits,
    model_layers,
    moving_statistics,
    prolonging,
    redraw,
    watch_layers,
)
from framework.diagnose.programs.keras_data import Arrays, Source
from framework.diagnose.programs.keras_loop import KerasLoop, tensor
from framework.diagnose.programs.keras_state import KerasState
from framework.diagnose.programs.keras_steps import KerasSteps, loss_of
from framework.diagnose.programs.prolonging import places
from framework.diagnose.programs.untouched import Untouched
from framework.diagnose.programs.variables import assign, values


class KerasProgram(Program):
    """See base class.

    Args:
        model: Compiled.
        source: The training data.
        trained: A loop that has trained this model, traced already; None to make one.

    Attributes:
        model: The model, with the weights after the last step.
        state: All that a training step can change in it.
        loop: The loop that trains and calls the model unchanged.
        validation_images: Set together with the context; trials predict them at their
            end.
        train_images: The same.
        test: Kept for the proof of a remedy; no measurement may look at it.
        epoch_rates: The learning rates that callbacks have set, one for each epoch;
            empty for none.
        live: The weights after the last step, where others have taken their place.
    """

    validation_images: np.ndarray
    train_images: np.ndarray

    def __init__(
        self, model: keras.Model, source: Source, trained: KerasLoop | None = None
    ):
        self.model, self._source = model, source
        self.state = KerasState(model, source, is_built=trained is not None)
        self.loop = trained or KerasLoop(model)
        self._steps = KerasSteps(model, source, self.state, self.loop)
        self.test: Untouched | None = None
        self.epoch_rates: Sequence[float] = ()
        self.live: list[np.ndarray] | None = None

    @property
    def architecture(self) -> Architecture:
        """See base class."""
        return model_layers.architecture(self.model)

    def predict(self, images: np.ndarray, training: bool = False) -> np.ndarray:
        """See base class."""
        with _accepting():
            return self.loop.predict(images, training)

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """See base class."""
        images = np.asarray(images, np.float32)
        with _accepting():
            seen = watch_layers.first_inputs(self.model, images)
        if seen is None:
            return images
        # Flattened or not, the moments of a channel are those of an image's.
        return seen.reshape(images.shape) if seen.size == images.size else seen

    def predict_live(self, images: np.ndarray) -> np.ndarray:
        """See base class."""
        with self.state.restoring():
            if self.live is not None:
                assign(self.model.trainable_variables, self.live)
            return self.predict(images, training=not self._are_evaluated(images[:8]))

    def _are_evaluated(self, images: np.ndarray) -> bool:
        """Returns whether evaluation depends on the weights that are trained."""
        weights = self.model.trainable_variables
        with self.state.restoring():
            before = self.predict(images)
            assign(weights, [0.5 * value + 0.1 for value in values(weights)])
            return not np.array_equal(before, self.predict(images))

    def finish(self) -> None:
        """Ends training as `fit` does: an average of the weights takes over."""
        weights = self.model.trainable_variables
        if keras_optimizers.inner(self.model.optimizer).use_ema:
            self.live = values(weights)
            self.model.optimizer.finalize_variable_values(weights)

    def predict_reestimated(
        self, images: np.ndarray, train_images: np.ndarray
    ) -> np.ndarray:
        """See base class."""

        def call(batch: np.ndarray) -> None:
            self.model(tensor(batch), training=True)

        with self.state.restoring():
            moving_statistics.reestimate(self.model, train_images, call)
            return self.predict(images)

    def penalty(self, at_initialization: bool) -> float:
        """See base class."""
        with self.state.at(at_initialization):
            return float(sum(float(loss) for loss in self.model.losses))

    def loss(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        """See base class."""
        y = tf.constant(self._source.like(labels))
        loss = loss_of(self.model, y, tf.constant(outputs.astype(np.float32)))
        return loss - self.penalty(at_initialization=False)

    def step_records(self, count: int, at_initialization: bool) -> list[StepRecord]:
        """See base class."""
        return self._steps.records(count, at_initialization)

    def gradients(self, split: Split, at_initialization: bool) -> Gradients:
        """See base class."""
        return self._steps.gradients(split, at_initialization)

    def step_gradients(
        self, split: Split, at_initialization: bool, draw: int, is_training: bool
    ) -> tuple[Gradients, Gradients]:
        """See base class."""
        return self._steps.step_gradients(split, at_initialization, draw, is_training)

    def update_vectors(self, split: Split) -> dict[str, np.ndarray]:
        """See base class."""
        return self._steps.update_vectors(split)

    def update_norm(self, split: Split, rate_factor: float) -> float:
        """See base class."""
        return self._steps.update_norm(split, rate_factor)

    def depends_on(self, images: np.ndarray, names: Sequence[str]) -> list[str]:
        """See base class."""
        return model_edits.dependent_kernels(self.model, self.predict, images, names)

    def activations(
        self, images: np.ndarray, at_initialization: bool, training: bool = False
    ) -> dict[str, np.ndarray]:
        """See base class."""
        with (
            self.state.at(at_initialization),
            watch_layers.watched(self.model) as seen,
        ):
            self.model(tf.constant(images), training=training)
        return seen

    def weights(self, at_initialization: bool) -> dict[str, np.ndarray]:
        """See base class."""
        with self.state.at(at_initialization):
            return {weight.path: weight.numpy() for weight in self.model.weights}

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
        with self.state.at(at_initialization), _accepting():
            return self.trainer.train(
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
            self.state.at(at_initialization=True),
            _accepting(),
        ):
            redraw.redraw(self.model, seed)
            redraw.advance_generators(self.model, seed)
            return self.trainer.train(
                intervention, epochs, continued=False, images=images
            )

    def training_data(self) -> Arrays:
        """Returns the training examples and labels, as the first epoch feeds them."""
        return self._source.fed

    def drawable_weights(self) -> int:
        """Returns how many of the initial weights another seed draws anew."""
        with self.state.at(at_initialization=True):
            return redraw.redraw(self.model, seed=0)

    @functools.cached_property
    def trainer(self) -> keras_training.Trainer:
        """Trains the model with interventions; keeps its compiled loops."""
        return keras_training.Trainer(
            self.model, self._source, self.loop, self.epoch_rates
        )

    def prolonged(self, trained: float, further: float) -> Intervention:
        """See base class."""
        per_epoch = self._source.steps_per_epoch
        start, end = (round(each * per_epoch) for each in (trained, trained + further))
        rates = [
            [keras_optimizers.rate_at(self.model.optimizer, step) for step in steps]
            for steps in (places(0, start), places(start, end))
        ]
        if self.epoch_rates:
            rates = [list(self.epoch_rates), list(self.epoch_rates[-1:])]
        return prolonging.prolonged((trained + further) / trained, *rates)


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
