"""Trains a run of this framework with an intervention: each trial is a run."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from framework import models
from framework.config import Config
from framework.config.durations import Duration
from framework.data.dataset import Dataset
from framework.data.split import LabelledImages, Split
from framework.diagnose.core.budget import Allowance
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.diagnose.programs import model_edits, prolonging
from framework.diagnose.programs.prolonging import places
from framework.diagnose.programs.trial_config import trial_config
from framework.diagnose.programs.trial_watch import FutileTrialError, Watch
from framework.errors import RunError, UsageError
from framework.launch import run as run_lib
from framework.launch import run_folder, sources, training
from framework.launch.components import Components
from framework.launch.role import PART
from framework.loop import checkpoint_files
from framework.loop.checkpoint_files import CheckpointFiles
from framework.loop.nonfinite import DivergedError
from framework.models import ModelFunction
from framework.system import archive


class RunTrainer:
    """Trains a run with one intervention after the other.

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

    def train(
        self,
        name: str,
        intervention: Intervention,
        epochs: float,
        at_initialization: bool,
        allowance: Allowance | None = None,
    ) -> TrialResult:
        """Trains a trial; see `Program.train`."""
        folder = self._trials / name
        shutil.rmtree(folder, ignore_errors=True)
        steps = max(round(epochs * self._built.plan.steps_per_epoch), 1)
        config = trial_config(self._config, intervention, steps, folder)
        if not at_initialization:
            config = self._continued(config, intervention, steps, folder)
        last = int(config.train_for)
        watch = None if allowance is None else Watch(allowance, last, epochs)
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
                    role=PART,
                )
            except DivergedError:
                # A result: it is right about nothing. Any other failure is none.
                validation = np.full(len(self._validation), -1)
                train = np.full(len(self._train), -1)
                return TrialResult(validation, train, epochs, has_diverged=True)
            except FutileTrialError as ended:
                # Nobody looks at the training images of a trial that is given up.
                train = np.full(len(self._train), -1)
                validation = ended.validation.predicted.astype(np.int64)
                return TrialResult(validation, train, ended.epochs, was_stopped=True)
            except (RunError, UsageError, tf.errors.OpError) as problem:
                raise NotApplicableError(f"it has failed: {problem}") from problem
            if config.ema:
                _use_average(result.model, folder)
            validation = result.predict(self._validation.images).argmax(axis=1)
            train = result.predict(self._train.images).argmax(axis=1)
        return TrialResult(validation, train, epochs)

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

    def prolonged(self, further: float) -> Intervention:
        """Returns how to train on; see `Program.prolonged`.

        Args:
            further: How many more epochs.
        """
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


def _use_average(model: keras.Model, folder: Path) -> None:
    """Sets the weights of a model to their average in the last checkpoint of a run."""
    files = CheckpointFiles(folder / "checkpoints", folder / "best")
    checkpoint = files.latest()
    assert checkpoint is not None, "a run ends with a checkpoint"
    for index, weight in enumerate(model.trainable_variables):
        weight.assign(checkpoint.values[f"ema/{index}"])
