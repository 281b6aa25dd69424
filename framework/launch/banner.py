"""The facts that a run tells before it trains: its data, network and length."""

from __future__ import annotations

import numpy as np

from framework import models
from framework.config import Config
from framework.data.dataset import Dataset
from framework.data.examples import Examples
from framework.data.split import evenly_spaced
from framework.launch import input_scale
from framework.launch.components import Components
from framework.launch.resume import Resumption
from framework.optim import precision
from framework.report import console


def facts(
    config: Config, built: Components, resumption: Resumption, why_folder: str = ""
) -> dict[str, str]:
    """Returns the lines of the banner by heading.

    Args:
        config: The configuration.
        built: The components.
        resumption: How the run starts or resumes.
        why_folder: Why its folder was chosen; "" if the user has named it.
    """
    examples, plan, dataset = built.examples, built.plan, built.examples.dataset
    replicas = built.strategy.num_replicas_in_sync
    train = dataset.train.labels[examples.train]
    validation = dataset.validation.labels
    lines = {
        "data": f"{config.dataset}, {'x'.join(map(str, dataset.image_shape))}",
        "train": _train_fact(dataset, train),
        "validation": console.counts(validation, dataset.class_names),
        "held out": f"{len(examples.train_dev):,} of the training images",
        **_left_out_fact(examples, config.sampling),
        **_weights_fact(examples),
        **_test_fact(dataset),
        "model": f"{config.model}, {built.state.model.count_params():,} parameters",
        **built.initial.lines,
        "optimizer": f"{config.optimizer}, learning rate {config.learning_rate:g} x "
        f"{config.schedule}",
        "length": f"{plan.total_steps:,} steps, {plan.steps_per_epoch:,} per epoch, "
        f"{config.batch_size} images each",
        "runs on": f"{replicas} device(s), {config.precision}",
        "folder": config.workdir + (f" ({why_folder})" if why_folder else ""),
    }
    notices = [
        _length_notice(config, built),
        *dataset.notes,
        *models.notices(built.state.model, replicas),
        precision.notice(config.precision, built.state.model),
        resumption.notice(),
        _scale_notice(built) if resumption.step is None else "",
    ]
    if any(notices):
        lines["note"] = "\n".join(filter(None, notices))
    return lines


def _train_fact(dataset: Dataset, labels: np.ndarray) -> str:
    counts = console.counts(labels, dataset.class_names)
    if not dataset.stream:
        return counts
    return (
        f"{dataset.stream.images:,} images an epoch, of a stream; the first: {counts}"
    )


def _test_fact(dataset: Dataset) -> dict[str, str]:
    if dataset.test is None:
        return {}
    origin = "drawn from the training images" if dataset.is_test_drawn else "given"
    return {"test": f"{len(dataset.test):,} images, {origin}; not looked at"}


def _weights_fact(examples: Examples) -> dict[str, str]:
    """Returns the line of the weights of the training images, if there are any."""
    weights = examples.dataset.train.weights
    if weights is None:
        return {}
    used = weights[examples.train]
    extremes = f"{used.min():g} to {used.max():g}, mean {used.mean():.3g}"
    return {"weights": f"{extremes}, factors of the training images' losses"}


def _left_out_fact(examples: Examples, sampling: str) -> dict[str, str]:
    """Returns the lines of what --exclude and --sampling change, if anything."""
    facts = {}
    if len(examples.excluded):
        facts["left out"] = f"{len(examples.excluded):,} training images, by --exclude"
    if sampling != Config.sampling:
        facts["sampling"] = f"{sampling} over the classes"
    return facts


def _length_notice(config: Config, built: Components) -> str:
    """Returns a note if a number of steps may have been meant as one of epochs."""
    text, plan = config.train_for.strip(), built.plan
    if not text.isdecimal() or plan.total_steps >= plan.steps_per_epoch:
        return ""
    return (
        f"--train_for={text} is {text} steps, less than an epoch; {text} epochs are "
        f"--train_for={text}ep"
    )


def _scale_notice(built: Components) -> str:
    """Returns a warning if a network that was trained before gets other pixels."""
    examples = built.examples
    split, rows = examples.train_batches.split.sample(
        examples.train, input_scale.IMAGES
    )
    images = split.images[evenly_spaced(rows, input_scale.IMAGES)]
    return input_scale.notice(built.state.model, built.objective.normalize, images)
