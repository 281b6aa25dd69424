"""A run of this framework, and branches of it, which are ordinary runs as well."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from framework import compiled, models
from framework.config import Config, spec
from framework.data.dataset import Dataset, Split
from framework.diagnose import layers, surgery
from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.subject import Branch, Program, Step, ratio
from framework.errors import RunError
from framework.launch import components, run_folder
from framework.launch import run as run_lib
from framework.launch.components import Components, ModelFunction
from framework.loop import checkpoint_files
from framework.numerics.draws import Draws, use_draws
from framework.system import archive

_BATCH = 256


class RunProgram(Program):
    """See base class.

    Args:
        config: Of the run.
        made: Its parts, in the state after the last step.
        trials: The folder where trainings with a remedy are put.
        step: How many steps it has trained.
        model: What makes the model, where it is not the config's.
        train: Images that are trained on; what branches are asked about in the end.
        validation: Images to validate on, to the same end.
    """

    def __init__(
        self,
        config: Config,
        made: Components,
        trials: Path,
        step: int,
        model: ModelFunction | None,
        train: Split,
        validation: Split,
    ):
        self._config, self._made, self._trials = config, made, trials
        self._step, self._function = step, model
        self._train, self._validation = train, validation

    @property
    def model(self):
        """See base class."""
        return self._made.state.model

    @functools.cached_property
    def _asked(self) -> Callable[[tf.Tensor, bool], tf.Tensor]:
        return compiled.function(self._logits)

    def _logits(self, images: tf.Tensor, training: bool) -> tf.Tensor:
        with use_draws(self._draws(images.shape[0])):
            scaled = self._made.objective.normalize(images)
            found = self.model(scaled, training=training)
        return tf.cast(found, tf.float32)

    def _draws(self, rows: int) -> Draws:
        zero = tf.constant(0, tf.int64)
        return Draws(self._config.seed, zero, zero, rows)

    def ask(self, images, training=False):
        """See base class."""
        found = []
        with self._unchanged(self._made), self._evaluated():
            for start in range(0, len(images), _BATCH):
                batch = images[start : start + _BATCH]
                # Of one size, so that it is traced once.
                padded = np.resize(batch, (_BATCH, *batch.shape[1:]))
                said = self._asked(tf.constant(padded), training)
                found.append(said[: len(batch)].numpy())
        shape = (0, self._made.examples.dataset.num_classes)
        return np.concatenate([np.zeros(shape, np.float32), *found])

    @contextlib.contextmanager
    def _evaluated(self) -> Iterator[None]:
        """Puts the average of the weights, if there is one, in their place."""
        self._made.state.swap_ema()
        try:
            yield
        finally:
            self._made.state.swap_ema()

    def ask_live(self, images: np.ndarray) -> np.ndarray:
        """Returns what the model says with the weights that are trained."""
        with self._evaluated():
            return self.ask(images)

    def inputs(self, images):
        """See base class."""
        return self._made.objective.normalize(images).numpy()

    def ask_reestimated(self, images, train):
        """See base class."""
        norms = surgery.batch_norms(self.model)
        with self._unchanged(self._made), surgery.reestimating(norms):
            for batch in surgery.batches(train):
                with use_draws(self._draws(len(batch))):
                    self.model(self._made.objective.normalize(batch), training=True)
            return self.ask(images)

    def penalty(self, fresh):
        """See base class."""
        losses = self._parts(fresh).state.model.losses
        return float(sum(float(loss) for loss in losses))

    def steps(self, count, fresh):
        """See base class."""
        made, found = self._parts(fresh), []
        variables = list(made.variables().values())
        before = [variable.numpy() for variable in variables]
        weights = made.state.weights
        first = 0 if fresh else self._step
        for step in range(first, first + count):
            batch = made.examples.dataset.train.take(made.loop.feed.indices(step))
            batch = batch.in_memory(lambda done, total: None)
            old = [weight.numpy() for weight in weights]
            loss = self._batch_loss(made, batch)
            made.loop(step, 1)
            new = [weight.numpy() for weight in weights]
            found.append(Step(loss, self._batch_loss(made, batch), ratio(old, new)))
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        return found

    def _batch_loss(self, made: Components, batch: Split) -> float:
        said = made.state.model(made.objective.normalize(batch.images), training=False)
        return self.loss(batch.labels, tf.cast(said, tf.float32).numpy())

    def loss(self, labels, outputs):
        """See base class."""
        logits = tf.constant(outputs.astype(np.float32))
        found = self._made.objective.losses(tf.constant(labels, tf.int32), logits)
        return float(tf.reduce_mean(found))

    def gradients(self, split, fresh):
        """See base class."""
        made = self._parts(fresh)
        weights = made.state.model.trainable_variables
        with self._unchanged(made), tf.GradientTape() as tape:
            said = made.objective.logits(
                tf.constant(split.images), self._draws(len(split))
            )
            labels = tf.constant(split.labels, tf.int32)
            loss = tf.reduce_mean(made.objective.losses(labels, said))
        found = tape.gradient(loss, [weight.value for weight in weights])
        # Keras numbers layers on in a process: names are those of the run's own model.
        names = [weight.path for weight in self.model.trainable_variables]
        return {
            name: None if gradient is None else np.asarray(gradient)
            for name, gradient in zip(names, found, strict=True)
        }

    def applied(self, split):
        """See base class."""
        raise CannotChangeError("the step is this framework's own")

    def moved(self, split, factor):
        """See base class."""
        raise CannotChangeError("the learning rate is set by this framework")

    def activations(self, images, fresh):
        """See base class."""
        made = self._parts(fresh)
        with layers.watched(made.state.model) as seen:
            made.state.model(made.objective.normalize(images), training=False)
        theirs, own = map(surgery.leaves, (made.state.model, self.model))
        names = {a.name: b.name for a, b in zip(theirs, own, strict=True)}
        return {names[name]: values for name, values in seen.items()}

    def weights(self, fresh):
        """See base class."""
        names = [weight.path for weight in self.model.weights]
        weights = self._parts(fresh).state.model.weights
        return {
            name: weight.numpy() for name, weight in zip(names, weights, strict=True)
        }

    def experiment(self, name, change, epochs, fresh):
        """See base class."""
        folder = self._trials / name
        shutil.rmtree(folder, ignore_errors=True)
        steps = max(round(epochs * self._made.plan.steps_per_epoch), 1)
        config = self._changed(change, steps, folder)
        if not fresh:
            config = self._continued(config, change, steps, folder)
        with contextlib.ExitStack() as stack:

            def function(shape: tuple[int, int, int], classes: int) -> keras.Model:
                made = self._function or models.build(self._config.model)
                model = made(shape, classes)
                return stack.enter_context(surgery.changed(model, change))

            splits = self._validation, self._train
            try:
                result = run_lib.run(
                    config, function, self._dataset(change), quiet=True
                )
            except RunError:
                # It has diverged, and is right about nothing.
                predicted = [np.full(len(split), -1) for split in splits]
            else:
                predicted = [
                    result.predict(split.images).argmax(axis=1) for split in splits
                ]
        return Branch(*predicted, epochs)

    def _changed(self, change: Change, steps: int, folder: Path) -> Config:
        """Returns the config of a branch that begins anew."""
        if change.shuffle or change.plain_step:
            raise CannotChangeError("this framework shuffles, by a step of its own")
        config = self._config
        size = max(round(config.batch_size * change.batch_size), 1)
        fields = {
            "batch_size": -(-size // config.accumulate) * config.accumulate,
            "learning_rate": config.learning_rate * change.learning_rate,
            "train_for": str(max(round(steps * config.batch_size / size), 1)),
            "train_dev": 0.0,
            "early_stopping": 0,
            "monitor": "validation/accuracy",
            # An average of so few steps lags behind.
            "ema": 0.0,
            "workdir": str(folder),
            "strategy": "default",
            "devices": 0,
            "input": "memory",
            **dict.fromkeys(("evaluate_every", "checkpoint_every"), "50%"),
        }
        if change.constant_rate:
            rate = change.constant_rate * change.learning_rate
            fields |= {"learning_rate": rate, "schedule": "constant"}
        if change.standardize:
            fields["normalize"] = "standard"
        if change.augment is not None:
            fields["augment"] = change.augment
        if change.clip_norm:
            fields["clip_norm"] = change.clip_norm
        if change.weight_decay is not None:
            decay = spec.single(config.optimizer)
            fields["optimizer"] = spec.written(
                decay.name,
                decay.args,
                {**decay.kwargs, "weight_decay": change.weight_decay},
            )
        return dataclasses.replace(config, **fields)

    def _continued(
        self, config: Config, change: Change, steps: int, folder: Path
    ) -> Config:
        """Returns the same for one that goes on from the last checkpoint."""
        rate = self._made.state.rate()
        if rate <= 0:
            raise CannotChangeError("the learning rate is 0 at the last step")
        # An ordinary run, stopped at this step, which is resumed with a change.
        (folder / "checkpoints").mkdir(parents=True)
        run_folder.write_config(
            folder, dataclasses.replace(config, workdir=str(folder))
        )
        values = {
            name: variable.numpy() for name, variable in self._made.variables().items()
        }
        path = folder / "checkpoints" / checkpoint_files.file_name(self._step)
        archive.write(path, self._step, values)
        return dataclasses.replace(
            config,
            learning_rate=rate * change.learning_rate,
            schedule="constant",
            train_for=str(self._step + steps),
            evaluate_every=str(steps),
            checkpoint_every=str(steps),
            allow_config_change=True,
        )

    def _dataset(self, change: Change) -> Dataset:
        dataset, rows = self._made.examples.dataset, self._made.examples.train
        train = change.train or dataset.train.take(rows)
        if change.balance:
            train = train.take(_balanced(train.labels))
        return dataclasses.replace(
            dataset, train=train, validation=self._validation, notes=()
        )

    def _parts(self, fresh: bool) -> Components:
        return self._fresh if fresh else self._made

    @functools.cached_property
    def _fresh(self) -> Components:
        """The run before its first step."""
        dataset = self._made.examples.dataset
        return components.build(self._config, self._function, dataset, lambda *_: None)

    @contextlib.contextmanager
    def _unchanged(self, made: Components) -> Iterator[None]:
        variables = [each.value for each in made.state.model.non_trainable_variables]
        before = [variable.numpy() for variable in variables]
        try:
            yield
        finally:
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)


def _balanced(labels: np.ndarray) -> np.ndarray:
    """Returns rows so that all classes are equally frequent, as many as there are."""
    generator = np.random.Generator(np.random.PCG64(0))
    classes = np.unique(labels)
    share = -(-len(labels) // len(classes))
    return np.concatenate(
        [generator.choice(np.flatnonzero(labels == each), share) for each in classes]
    )
