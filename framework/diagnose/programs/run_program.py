"""A run of this framework; its trials are ordinary runs."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from framework import compiled, models
from framework.config import Config
from framework.config.durations import Duration
from framework.data.dataset import Dataset
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
from framework.diagnose.programs import model_edits, prolonging, watch_layers
from framework.diagnose.programs.prolonging import places
from framework.diagnose.programs.trial_watch import Watch
from framework.errors import RunError, UsageError
from framework.launch import components, run_folder, sources, training
from framework.launch import run as run_lib
from framework.launch.components import Components
from framework.loop import checkpoint_files
from framework.loop.checkpoint_files import CheckpointFiles
from framework.loop.nonfinite import DivergedError
from framework.models import ModelFunction
from framework.numerics.draws import Draws, use_draws
from framework.system import archive

_BATCH = 256
# Fields of a config that are about the run's folder, its machines or its command: a
# trial has their defaults, whatever the run has.
_DEFAULTS = (
    "service",
    "jit",
    "strategy",
    "devices",
    "cluster",
    "wait_for",
    "i_trust_this_network",
    "tpu",
    "steps_per_call",
    "keep_checkpoints",
    "keep_best",
    "hooks",
    "report",
    "diagnose",
    "fresh",
    "allow_config_change",
    "allow_data_change",
)


class RunProgram(Program):
    """See base class.

    Args:
        config: Of the run.
        built: Its components, in the state after the last step.
        trials: The folder of the trials.
        step: The number of steps that it has trained.
        model: Builds the model, if it is not the config's.
        train: Images that are trained on, for trials to predict at their end.
        validation: The validation images, for the same.
    """

    def __init__(
        self,
        config: Config,
        built: Components,
        trials: Path,
        step: int,
        model: ModelFunction | None,
        train: Split,
        validation: Split,
    ):
        self._config, self._built, self._trials = config, built, trials
        self._step, self._function = step, model
        self._train, self._validation = train, validation

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
        return model_edits.architecture(self.model)

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
        norms = model_edits.batch_norms(self.model)
        with self._unchanged(self._built), model_edits.reestimating(norms):
            for batch in model_edits.batches(train_images):
                with use_draws(self._draws(len(batch))):
                    self.model(self._built.objective.normalize(batch), training=True)
            return self.predict(images)

    def penalty(self, at_initialization: bool) -> float:
        """See base class."""
        losses = self._parts(at_initialization).state.model.losses
        return float(sum(float(loss) for loss in losses))

    def step_records(self, count: int, at_initialization: bool) -> list[StepRecord]:
        """See base class."""
        built, records = self._parts(at_initialization), []
        weights = built.state.weights
        first = 0 if at_initialization else self._step
        with model_edits.restoring(list(built.variables().values())):
            for step in range(first, first + count):
                batch = built.examples.dataset.train.take(built.loop.feed.indices(step))
                batch = batch.in_memory(lambda done, total: None)
                old = [weight.numpy() for weight in weights]
                loss = self._batch_loss(built, batch)
                built.loop(step, 1)
                new = [weight.numpy() for weight in weights]
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

    def gradients(
        self, split: Split, at_initialization: bool
    ) -> dict[str, np.ndarray | None]:
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
        copies = model_edits.leaves(built.state.model)
        own = model_edits.leaves(self.model)
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
        folder = self._trials / name
        shutil.rmtree(folder, ignore_errors=True)
        steps = max(round(epochs * self._built.plan.steps_per_epoch), 1)
        config = self.trial_config(intervention, steps, folder)
        watch = None if allowance is None else Watch(allowance, int(config.train_for))
        if not at_initialization:
            config = self._continued(config, intervention, steps, folder)
        with contextlib.ExitStack() as stack:

            def function(shape: tuple[int, int, int], classes: int) -> keras.Model:
                model = self.function(shape, classes)
                return stack.enter_context(model_edits.changed(model, intervention))

            try:
                result = run_lib.run(
                    config,
                    function,
                    self.dataset(intervention),
                    quiet=True,
                    reports=() if watch is None else (watch,),
                    is_part=True,
                )
            except DivergedError:
                # A result: it is right about nothing. Any other failure is none.
                validation = np.full(len(self._validation), -1)
                train = np.full(len(self._train), -1)
                return TrialResult(validation, train, epochs, has_diverged=True)
            except (RunError, UsageError, tf.errors.OpError) as problem:
                raise NotApplicableError(f"it has failed: {problem}") from problem
            if config.ema:
                _use_average(result.model, folder)
            validation = result.predict(self._validation.images).argmax(axis=1)
            train = result.predict(self._train.images).argmax(axis=1)
        return TrialResult(validation, train, epochs)

    def prolonged(self, trained: float, further: float) -> Intervention:
        """See base class."""
        del trained
        plan, learning_rate = self._built.plan, self._built.state.learning_rate
        steps = max(round(further * plan.steps_per_epoch), 1)
        total = self._step + steps
        longer = training.learning_rate(self._config, total, plan.steps_per_epoch)
        so_far = training.learning_rate(
            self._config, plan.total_steps, plan.steps_per_epoch
        )
        # Of a controller, only the state at the last step is known.
        before = [float(so_far(tf.constant(s))) for s in places(0, self._step)]
        after = [float(longer(tf.constant(s))) for s in places(self._step, total)]
        after = [learning_rate.scale() * rate for rate in after]
        return prolonging.prolonged(total / plan.total_steps, before, after)

    def trial_config(
        self, intervention: Intervention, steps: int, folder: Path
    ) -> Config:
        """Returns the config of a trial from the first step.

        Args:
            intervention: What is different from the run.
            steps: The length, in steps of the run's own batch size.
            folder: Of the trial.
        """
        config, changed = self._config, intervention.apply(self._config)
        length = max(round(steps * config.batch_size / changed.batch_size), 1)
        defaults = {field.name: field.default for field in dataclasses.fields(Config)}
        own: dict[str, Any] = {
            "train_for": str(length),
            "train_dev": 0.0,
            "test": "",
            "fold": "",
            # Its images are given.
            "exclude": "",
            "early_stopping": 0,
            "monitor": "validation/accuracy",
            # An average of so few steps lags behind.
            "ema": 0.0,
            "workdir": str(folder),
            "input": "memory",
            "cache": "off",
            "log_every": "50%",
            "evaluate_every": "50%",
            "checkpoint_every": "50%",
        }
        own |= {name: defaults[name] for name in _DEFAULTS}
        return dataclasses.replace(changed, **own)

    def _continued(
        self, config: Config, intervention: Intervention, steps: int, folder: Path
    ) -> Config:
        """Returns the config of a trial that resumes from the last step."""
        total = self._step + steps
        if intervention.train_for_factor != 1.0:
            # As it is printed, which rounds it.
            printed = Duration.parse(intervention.apply(self._config).train_for)
            total = printed.steps(self._built.plan.steps_per_epoch)
        # An ordinary run, stopped at this step, which is resumed with changes. All of
        # its state goes on, an average of the weights as well.
        config = dataclasses.replace(config, ema=self._config.ema)
        (folder / "checkpoints").mkdir(parents=True)
        run_folder.write_config(folder, config)
        values = {
            name: variable.numpy() for name, variable in self._built.variables().items()
        }
        path = folder / "checkpoints" / checkpoint_files.file_name(self._step)
        archive.write(path, self._step, values)
        return dataclasses.replace(
            config, train_for=str(total), allow_config_change=True
        )

    @property
    def function(self) -> ModelFunction:
        """The function that builds the model."""
        files = sources.find(self._config)
        return self._function or models.build(self._config.model, files)

    def dataset(self, intervention: Intervention) -> Dataset:
        """Returns the data of a trial.

        Raises:
            NotApplicableError: They are known after the diagnosis only.
        """
        if intervention.exclude and intervention.train is None:
            raise NotApplicableError("its list is written after the diagnosis")
        dataset, rows = self._built.examples.dataset, self._built.examples.train
        # Where the run has its images in memory, no trial reads their files again.
        loaded = self._built.examples.train_batches.split
        source: LabelledImages = dataset.train
        if isinstance(loaded, Split):
            source = loaded
        train = intervention.train or source.take(rows)
        return dataclasses.replace(
            dataset,
            train=train,
            validation=self._validation,
            notes=(),
            test=None,
            is_test_drawn=False,
        )

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
        with model_edits.restoring(variables):
            yield


def _use_average(model: keras.Model, folder: Path) -> None:
    """Sets the weights of a model to their average in the last checkpoint of a run."""
    files = CheckpointFiles(folder / "checkpoints", folder / "best")
    checkpoint = files.latest()
    assert checkpoint is not None, "a run ends with a checkpoint"
    for index, weight in enumerate(model.trainable_variables):
        weight.assign(checkpoint.values[f"ema/{index}"])
