"""A run of this framework; its trials are ordinary runs."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from framework import compiled
from framework.config import Config
from framework.data.feed import OrderedFeed
from framework.data.split import LabelledImages, Split
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
    model_edits,
    model_layers,
    moving_statistics,
    watch_layers,
)
from framework.diagnose.programs.run_training import RunTrainer
from framework.diagnose.programs.variables import restoring, values
from framework.launch import components
from framework.launch.components import Components
from framework.models import ModelFunction
from framework.numerics.draws import Draws, use_draws

_BATCH = 256


class RunProgram(Program):
    """See base class.

    Args:
        config: Of the run.
        built: Its components, in the state after the last step.
        step: The number of steps that it has trained.
        model: Builds the model, if it is not the config's.
        trainer: Trains the trials.
    """

    def __init__(
        self,
        config: Config,
        built: Components,
        step: int,
        model: ModelFunction | None,
        trainer: RunTrainer,
    ):
        self._config, self._built = config, built
        self._step, self._function = step, model
        self.trainer = trainer

    @property
    def model(self) -> keras.Model:
        """The model, with the weights after the last step."""
        return self._built.state.model

    @property
    def test(self) -> LabelledImages | None:
        """The test part, for the proof of a remedy; no measurement may look at it."""
        return self._built.examples.dataset.test

    @property
    def architecture(self) -> Architecture:
        """See base class."""
        return model_layers.architecture(self.model)

    @functools.cached_property
    def _compiled_logits(self) -> Callable[[tf.Tensor, bool], tf.Tensor]:
        return compiled.function(self._logits)

    def _logits(self, images: tf.Tensor, training: bool) -> tf.Tensor:
        with use_draws(self._draws(images.shape[0])):
            scaled = self._built.objective.normalize(images)
            logits = self.model(scaled, training=training)
        return tf.cast(logits, tf.float32)

    def _draws(self, rows: int) -> Draws:
        zero = tf.constant(0, tf.int64)
        return Draws(self._config.seed, zero, zero, rows)

    def predict(self, images: np.ndarray, training: bool = False) -> np.ndarray:
        """See base class."""
        outputs = []
        with self._unchanged(self._built), self._evaluated():
            for start in range(0, len(images), _BATCH):
                batch = images[start : start + _BATCH]
                # Of one size, so that it is traced once.
                padded = np.resize(batch, (_BATCH, *batch.shape[1:]))
                logits = self._compiled_logits(tf.constant(padded), training)
                outputs.append(logits[: len(batch)].numpy())
        shape = (0, self._built.examples.dataset.num_classes)
        return np.concatenate([np.zeros(shape, np.float32), *outputs])

    @contextlib.contextmanager
    def _evaluated(self) -> Iterator[None]:
        """Swaps in the average of the weights, if there is one."""
        self._built.state.swap_ema()
        try:
            yield
        finally:
            self._built.state.swap_ema()

    def predict_live(self, images: np.ndarray) -> np.ndarray:
        """See base class."""
        with self._evaluated():
            return self.predict(images)

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """See base class."""
        return self._built.objective.normalize(images).numpy()

    def predict_reestimated(
        self, images: np.ndarray, train_images: np.ndarray
    ) -> np.ndarray:
        """See base class."""

        def call(batch: np.ndarray) -> None:
            with use_draws(self._draws(len(batch))):
                self.model(self._built.objective.normalize(batch), training=True)

        with self._unchanged(self._built):
            moving_statistics.reestimate(self.model, train_images, call)
            return self.predict(images)

    def penalty(self, at_initialization: bool) -> float:
        """See base class."""
        losses = self._parts(at_initialization).state.model.losses
        return float(sum(float(loss) for loss in losses))

    def step_records(self, count: int, at_initialization: bool) -> list[StepRecord]:
        """See base class."""
        built, records = self._parts(at_initialization), []
        weights, feed = built.state.weights, built.loop.feed
        assert isinstance(feed, OrderedFeed), "a diagnosis of a stream is refused"
        first = 0 if at_initialization else self._step
        with restoring(list(built.variables().values())):
            for step in range(first, first + count):
                batch = built.examples.dataset.train.take(feed.indices(step))
                batch = batch.in_memory(lambda done, total: None)
                old = values(weights)
                loss = self._batch_loss(built, batch)
                built.loop(step, 1)
                new = values(weights)
                length = relative_length(old, new)
                after = self._batch_loss(built, batch)
                records.append(StepRecord(loss, after, length))
        return records

    def _batch_loss(self, built: Components, batch: Split) -> float:
        inputs = built.objective.normalize(batch.images)
        logits = built.state.model(inputs, training=False)
        return self.loss(batch.labels, tf.cast(logits, tf.float32).numpy())

    def loss(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        """See base class."""
        logits = tf.constant(outputs.astype(np.float32))
        losses = self._built.objective.losses(tf.constant(labels, tf.int32), logits)
        return float(tf.reduce_mean(losses))

    def gradients(self, split: Split, at_initialization: bool) -> Gradients:
        """See base class."""
        built = self._parts(at_initialization)
        weights = built.state.model.trainable_variables
        with self._unchanged(built), tf.GradientTape() as tape:
            logits = built.objective.logits(
                tf.constant(split.images), self._draws(len(split))
            )
            labels = tf.constant(split.labels, tf.int32)
            loss = tf.reduce_mean(built.objective.losses(labels, logits))
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        # Keras numbers layers on in a process: names are those of the run's own model.
        names = [weight.path for weight in self.model.trainable_variables]
        return {
            name: None if gradient is None else np.asarray(gradient)
            for name, gradient in zip(names, gradients, strict=True)
        }

    def update_vectors(self, split: Split) -> dict[str, np.ndarray]:
        """See base class."""
        raise NotApplicableError("the step is this framework's own")

    def step_gradients(
        self, split: Split, at_initialization: bool, draw: int, is_training: bool
    ) -> tuple[Gradients, Gradients]:
        """See base class."""
        raise NotApplicableError("the step is this framework's own")

    def update_norm(self, split: Split, rate_factor: float) -> float:
        """See base class."""
        raise NotApplicableError("the learning rate is set by this framework")

    def depends_on(self, images: np.ndarray, names: Sequence[str]) -> list[str]:
        """See base class."""
        return model_edits.dependent_kernels(self.model, self.predict, images, names)

    def activations(
        self, images: np.ndarray, at_initialization: bool, training: bool = False
    ) -> dict[str, np.ndarray]:
        """See base class."""
        built = self._parts(at_initialization)
        model, draws = built.state.model, self._draws(len(images))
        with (
            self._unchanged(built),
            use_draws(draws),
            watch_layers.watched(model) as seen,
        ):
            model(built.objective.normalize(images), training=training)
        copies = model_layers.leaves(built.state.model)
        own = model_layers.leaves(self.model)
        names = {a.name: b.name for a, b in zip(copies, own, strict=True)}
        return {names[name]: values for name, values in seen.items()}

    def weights(self, at_initialization: bool) -> dict[str, np.ndarray]:
        """See base class."""
        names = [weight.path for weight in self.model.weights]
        weights = self._parts(at_initialization).state.model.weights
        return {
            name: weight.numpy() for name, weight in zip(names, weights, strict=True)
        }

    def train(
        self,
        name: str,
        intervention: Intervention,
        epochs: float,
        at_initialization: bool,
        allowance: Allowance | None = None,
    ) -> TrialResult:
        """See base class."""
        return self.trainer.train(
            name, intervention, epochs, at_initialization, allowance
        )

    def prolonged(self, trained: float, further: float) -> Intervention:
        """See base class."""
        del trained
        return self.trainer.prolonged(further)

    def _parts(self, at_initialization: bool) -> Components:
        return self._fresh if at_initialization else self._built

    @functools.cached_property
    def _fresh(self) -> Components:
        """The run before its first step."""
        dataset = self._built.examples.dataset
        return components.build(self._config, self._function, dataset, lambda *_: None)

    @contextlib.contextmanager
    def _unchanged(self, built: Components) -> Iterator[None]:
        variables = [each.value for each in built.state.model.non_trainable_variables]
        with restoring(variables):
            yield
