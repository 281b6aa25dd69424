"""Runs what a config says, from its data to its folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from framework import (
    compiled,
    models,
    parts,
    precision,
    reference,
    resume,
    sharing,
    trust,
    workdir,
)
from framework.augment import preview
from framework.augment.normalize import Normalizer
from framework.config import Config
from framework.data import record as data_record
from framework.data.dataset import Dataset
from framework.data.record import DataRecord
from framework.errors import RunError, WorkerLostError
from framework.export import export_model
from framework.history import History
from framework.loop import nonfinite
from framework.loop import stop as stop_lib
from framework.loop.checkpoint import Checkpoints
from framework.loop.nonfinite import NonFiniteError
from framework.loop.stop import Stop
from framework.loop.train import train
from framework.parts import ModelFunction, Parts
from framework.report import Report, Reports, console
from framework.report.console import Screen
from framework.report.files import Files
from framework.report.static import StaticNote
from framework.report.tensorboard import TensorBoard
from framework.report.timing import Timing
from framework.resume import Resumption
from framework.workers import Workers, is_loss, told_if_lost


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What a run leaves behind in memory.

    Attributes:
        history: The metrics of each evaluation.
        model: From normalised images to logits; its weights are those after the last
            step, whichever step was the best.
        normalize: Scaling of pixels, which the model does not contain.
        checkpoints: Of the run.
        monitor: The metric that says which evaluation is the best.
    """

    history: History
    model: keras.Model
    normalize: Normalizer
    checkpoints: Checkpoints
    monitor: str

    def use_best(self) -> Result:
        """Gives the model the weights of the best evaluation, and returns itself."""
        self.checkpoints.rewind(("model/",), self.history.ranked(self.monitor))
        return self

    def predict(self, images: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """Returns the probabilities of each class: float32 [N, K].

        Args:
            images: [N, height, width, C], as they are in the data set.
            batch_size: How many to look at in one go.
        """
        found = [
            tf.nn.softmax(
                self.model(self.normalize(images[start : start + batch_size]))
            )
            for start in range(0, len(images), batch_size)
        ]
        return np.concatenate(found)

    def export(self, folder: str | Path) -> None:
        """Writes a SavedModel that takes images as they are in the data set.

        Its default signature maps "images", [N, height, width, C], to "probabilities",
        float32 [N, K]. It is read by `tf.saved_model.load` and by TensorFlow Serving,
        and needs nothing of this program. A SavedModel that is there is replaced once
        the new one is complete.

        Raises:
            UsageError: The folder is there, and is no SavedModel.
        """
        export_model(self.model, self.normalize, folder)


def run(
    config: Config,
    model: ModelFunction | keras.Model | None = None,
    dataset: Dataset | None = None,
    quiet: bool = False,
) -> Result:
    """Trains as a config says, or goes on where a run in its folder has stopped.

    Args:
        config: What defines the run.
        model: Instead of the config's: a model, or what makes one of the shape of an
            image and the number of classes.
        dataset: Instead of the config's.
        quiet: Whether to say nothing on the console.

    Raises:
        UsageError: The config cannot be done.
        RunError: It could be, but something failed.
        WorkerLostError: Another process was lost; the same call goes on.
        Stopped: A signal asked to stop, and what it takes to go on is saved.
    """
    reference.refuse_to_run_while_loading()
    screen = console.console()
    screen.quiet = quiet
    several = config.strategy == "multi_worker"
    with compiled.collectable(), stop_lib.caught() as stop, told_if_lost(several):
        made = parts.build(config, model, dataset, console.reading(screen))
        stop.listen()
        workers = Workers(made.strategy)
        # The chief speaks for all.
        screen.quiet |= not workers.is_chief
        config = _named(config, made, model is not None, dataset is not None)
        with sharing.folder(config, workers) as folder:
            return _run(config, made, folder, screen, workers, stop)


def _run(
    config: Config,
    made: Parts,
    folder: Path,
    screen: Screen,
    workers: Workers,
    stop: Stop,
) -> Result:
    """Trains in a folder that no other process is using."""
    plan, dataset = made.plan, made.examples.dataset
    history, checkpoints, resumption = _opened(config, made, folder, workers.is_chief)
    timing = Timing(plan.total_steps, config.batch_size)
    lines = console.Console(
        plan.total_steps, plan.steps_per_epoch, config.monitor, timing, screen
    )
    lines.banner(_facts(config, made, resumption))
    # The clock comes first, for the others read it.
    reports = [timing, lines]
    if workers.is_chief:
        reports += _written(config, made, folder, timing, lines)
    report = Reports(reports)
    # From here on there is something to save before one stops.
    stop.wait(workers.agreed)
    try:
        train(
            made.state,
            made.loop,
            made.evaluations(),
            plan,
            history,
            checkpoints,
            report,
            stop,
        )
    except NonFiniteError as problem:
        raise nonfinite.explain(
            problem,
            made.state,
            made.loop,
            history,
            checkpoints,
            config.monitor,
            folder,
        ) from None
    except SystemExit as problem:
        # A part of the user's own has ended the process, as if all were done.
        raise RunError(reference.told(problem)) from problem
    except tf.errors.OpError as problem:
        if workers.count > 1 and is_loss(problem):
            raise
        _raise_known_cause(problem, config, dataset)
        raise
    finally:
        # Before the folder may be another's.
        checkpoints.close()
        report.stopped()
    lines.summary(history, config.workdir)
    return Result(
        history,
        made.state.model,
        made.objective.normalize,
        checkpoints,
        config.monitor,
    )


def _raise_known_cause(
    problem: tf.errors.OpError, config: Config, dataset: Dataset
) -> None:
    """Raises what an error of TensorFlow comes from, if it can be found out.

    Raises:
        RunError: An image file that cannot be read, which TensorFlow does not name.
        WorkerLostError: A server of images was restarted.
    """
    for split in (dataset.train, dataset.validation):
        split.check()
    if config.input == "service" and isinstance(problem, tf.errors.NotFoundError):
        # One that is started anew does not know what it was asked for.
        raise WorkerLostError(
            f"a server of --service={config.service} was lost and has come back; the "
            f"same command resumes from the last checkpoint"
        ) from None


def _written(
    config: Config, made: Parts, folder: Path, timing: Timing, lines: console.Console
) -> list[Report]:
    """Returns the reports that write to the run's folder."""
    split = made.examples.of_train.split
    samples = preview.samples(made.objective.augment, split, config.seed)
    names = made.examples.dataset.class_names
    board = TensorBoard(folder, config.numbers(), names, timing, samples)
    note = StaticNote(folder, lines.note, board.text)
    return [Files(folder, timing), board, note]


def _named(config: Config, made: Parts, model: bool, dataset: bool) -> Config:
    """Returns a config that says so where a model or data set was given in Python."""
    named = {}
    if model:
        count = made.state.model.count_params()
        named["model"] = f"given(parameters={count})"
    if dataset:
        data = made.examples.dataset
        sizes = f"train={len(data.train)}, validation={len(data.validation)}"
        named["dataset"] = f"given({data.name!r}, {sizes})"
    return dataclasses.replace(config, **named)


def _opened(
    config: Config, made: Parts, folder: Path, is_chief: bool
) -> tuple[History, Checkpoints, Resumption]:
    """Returns what the run adds to in its folder, once that is known to be allowed."""
    history = History(folder / "metrics.jsonl")
    checkpoints = Checkpoints(
        folder / "checkpoints",
        folder / "best",
        made.variables(),
        config.keep_checkpoints,
        config.keep_best,
    )
    step = checkpoints.check()
    if not is_chief:
        # What the chief refuses ends the other workers as well.
        return history, checkpoints, Resumption(step)
    resumption = resume.check(folder, config, made.plan, history, step)
    data = made.data_record(parts.drawn_by(config))
    resumption = resume.check_data(folder, config, data, resumption)
    if not resumption.is_over:
        _write_record(folder, config, data, resumption)
    return history, checkpoints, resumption


def _write_record(
    folder: Path, config: Config, data: DataRecord, resumption: Resumption
) -> None:
    """Writes what defines the run, now that it is certain that it will be trained."""
    resume.record(folder, resumption)
    # What is killed in between has a config.json: without one, the folder would be
    # taken for somebody else's.
    workdir.write_config(folder, config)
    data_record.write(folder, data)
    devices = [device.name for device in tf.config.list_logical_devices()]
    workdir.write_environment(folder, devices)
    trust.remember(folder, config)


def _facts(config: Config, made: Parts, resumption: Resumption) -> dict[str, str]:
    """Returns what the banner says."""
    examples, plan, dataset = made.examples, made.plan, made.examples.dataset
    replicas = made.strategy.num_replicas_in_sync
    train = dataset.train.labels[examples.train]
    validation = dataset.validation.labels
    facts = {
        "data": f"{config.dataset}, {'x'.join(map(str, dataset.image_shape))}",
        "train": console.counts(train, dataset.class_names),
        "validation": console.counts(validation, dataset.class_names),
        "held out": f"{len(examples.dev):,} of the training images",
        "model": f"{config.model}, {made.state.model.count_params():,} parameters",
        "optimizer": f"{config.optimizer}, learning rate {config.learning_rate:g} x "
        f"{config.schedule}",
        "length": f"{plan.total_steps:,} steps, {plan.steps_per_epoch:,} an epoch, "
        f"{config.batch_size} images each",
        "runs on": f"{replicas} device(s), {config.precision}",
        "folder": config.workdir,
    }
    notes = [*dataset.notes, *models.remarks(made.state.model, replicas)]
    notes += [precision.remark(config.precision), resumption.notice()]
    notes = [note for note in notes if note]
    if notes:
        facts["note"] = "; ".join(notes)
    return facts
