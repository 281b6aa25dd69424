"""Builds the examples of a run: divides its data set, as before if it is resumed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import tensorflow as tf

from framework import data
from framework.config import Config
from framework.data import exclusion, folds, kept_division, record
from framework.data.dataset import Dataset
from framework.data.examples import Examples, divide, prepare
from framework.data.hold_out import hold_out_test
from framework.data.images import Progress
from framework.data.record import DataRecord
from framework.data.servers import Servers
from framework.launch import checks


def build(
    config: Config,
    dataset: Dataset | None,
    strategy: tf.distribute.Strategy,
    servers: Servers | None,
    progress: Progress,
) -> Examples:
    """Builds the examples of a run.

    Args:
        config: The configuration.
        dataset: Replaces that of the config.
        strategy: The distribution strategy.
        servers: The servers of --input=service.
        progress: Called with the numbers of images loaded and to load.

    Raises:
        UsageError: The data do not exist, or the config does not fit them.
        RunError: The data cannot be used.
    """
    dataset = dataset or data.build(config.dataset)
    if dataset.has_several_labels:
        checks.check_several_labels(config)
    if dataset.stream:
        checks.check_stream(config, strategy.num_replicas_in_sync)
    recorded = None if config.fresh else record.read(Path(config.workdir))
    dataset = _divided(dataset, config, recorded)
    excluded, note = exclusion.find(dataset, config.exclude)
    if note:
        dataset = dataclasses.replace(dataset, notes=(*dataset.notes, note))
    held_out = None
    if recorded:
        held_out = kept_division.held_out(recorded, dataset, drawn_by(config))
    # What a stream trains on, nothing can be held out of.
    dev_fraction = 0.0 if dataset.stream else config.train_dev
    division = divide(dataset, dev_fraction, config.seed, held_out, excluded)
    return prepare(
        dataset,
        division,
        config.seed,
        config.input,
        strategy,
        progress,
        servers,
        config.cache,
    )


def drawn_by(config: Config) -> dict[str, Any]:
    """Returns the fields that determine which images are trained on, by name."""
    fields = {name: getattr(config, name) for name in ("dataset", "train_dev", "seed")}
    # Not where there is none: records of earlier versions do not have it.
    further = {name: getattr(config, name) for name in ("test", "fold")}
    return {**fields, **{name: each for name, each in further.items() if each}}


def _divided(dataset: Dataset, config: Config, recorded: DataRecord | None) -> Dataset:
    """Divides a data set by --test and --fold, as in the recorded run if there is one.

    The test part does not depend on the fold.
    """
    pool = folds.pooled(dataset, config.fold)
    drawn = drawn_by(config)
    if recorded and not config.fold:
        pool = kept_division.keep_split(recorded, pool, drawn)
    kept = kept_division.test_part(recorded, pool) if recorded else None
    rest = hold_out_test(pool, config.test, kept)
    if not config.fold or dataset.fold == config.fold:
        return rest
    divided = folds.divided(rest, config.fold, config.seed)
    return kept_division.keep_split(recorded, divided, drawn) if recorded else divided
