"""Runs what a config says, from its data to its folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import tensorflow as tf

from framework import parts, workdir
from framework.augment import preview
from framework.config import Config
from framework.data.dataset import Dataset
from framework.history import History
from framework.loop.checkpoint import Checkpoints
from framework.loop.state import TrainState
from framework.loop.train import train
from framework.parts import ModelFunction, Parts
from framework.report import Reports, console
from framework.report.files import Files
from framework.report.tensorboard import TensorBoard
from framework.report.timing import Timing


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What a run leaves behind in memory.

    Attributes:
        history: The metrics of each evaluation.
        model: From normalised images to logits, after the last step.
    """

    history: History
    model: keras.Model


def run(
    config: Config,
    model: ModelFunction | keras.Model | None = None,
    dataset: Dataset | None = None,
) -> Result:
    """Trains as a config says, or goes on where a run in its folder has stopped.

    Args:
        config: What defines the run.
        model: Instead of the config's: a model, or what makes one of the shape of an
            image and the number of classes.
        dataset: Instead of the config's.

    Raises:
        UsageError: The config cannot be done.
        RunError: It could be, but something failed.
    """
    screen = console.console()
    made = parts.build(config, model, dataset, console.reading(screen))
    plan, dataset = made.plan, made.examples.dataset
    folder, history, checkpoints = _record(config, made.state)
    timing = Timing(plan.total_steps, config.batch_size)
    lines = console.Console(
        plan.total_steps, plan.steps_per_epoch, config.monitor, timing, screen
    )
    lines.banner(_facts(config, made))
    board = TensorBoard(
        folder,
        config.numbers(),
        dataset.class_names,
        timing,
        preview.samples(made.objective.augment, dataset.train, config.seed),
    )
    try:
        train(
            made.state,
            made.loop,
            made.evaluations(),
            plan,
            history,
            checkpoints,
            # The clock comes first, for the others read it.
            Reports([timing, lines, Files(folder, timing), board]),
            dataset.class_names,
        )
    except tf.errors.OpError:
        # If it comes from a stream, it does not say from which file.
        for split in (dataset.train, dataset.validation):
            split.check()
        raise
    finally:
        lines.stopped()
    lines.summary(history, config.workdir)
    return Result(history, made.state.model)


def _record(config: Config, state: TrainState) -> tuple[Path, History, Checkpoints]:
    """Returns the run's folder, and what in it is added to from now on."""
    folder = workdir.prepare(config)
    devices = [device.name for device in tf.config.list_logical_devices()]
    workdir.write_environment(folder, devices)
    checkpoints = Checkpoints(
        folder / "checkpoints",
        folder / "best",
        state.variables(),
        config.keep_checkpoints,
    )
    return folder, History(folder / "metrics.jsonl"), checkpoints


def _facts(config: Config, made: Parts) -> dict[str, str]:
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
    if dataset.notes:
        facts["note"] = "; ".join(dataset.notes)
    return facts
