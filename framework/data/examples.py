"""Assigns the examples of a data set to training and evaluation, and loads them."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from framework.data import cache as decoded
from framework.data import files
from framework.data.batches import Batches, MemoryBatches, StreamBatches, fits_memory
from framework.data.dataset import Dataset, class_counts
from framework.data.images import Progress
from framework.data.servers import Servers
from framework.data.split import LabelledImages
from framework.data.stratify import stratified_split
from framework.errors import UsageError

# `train_clean` is 5 % of the training images (evaluating them takes a sixtieth of the
# time of an epoch), but at least 64 and at most 5,000.
_CLEAN_FRACTION = 0.05
_CLEAN_MIN, _CLEAN_MAX = 64, 5_000


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """The examples of a run, by purpose.

    Attributes:
        dataset: The splits.
        train: int64 indices of the training split: the examples to train on.
        train_clean: int64 indices among `train`: those also evaluated without
            augmentation and dropout.
        train_dev: int64 indices of the training split: those held out of training.
        excluded: int64 indices of the training split: those left out of everything.
        train_batches: Batches of the training split.
        validation_batches: Batches of the validation split.
    """

    dataset: Dataset
    train: np.ndarray
    train_clean: np.ndarray
    train_dev: np.ndarray
    excluded: np.ndarray
    train_batches: Batches
    validation_batches: Batches


@dataclasses.dataclass(frozen=True, eq=False)
class Division:
    """What the images of the training split are used for.

    Attributes:
        train: int64 indices of the examples to train on.
        train_dev: int64 indices of those held out of training, and evaluated.
        excluded: int64 indices of those left out, by --exclude.
    """

    train: np.ndarray
    train_dev: np.ndarray
    excluded: np.ndarray


def divide(
    dataset: Dataset,
    dev_fraction: float,
    seed: int,
    held_out: np.ndarray | None = None,
    excluded: np.ndarray | None = None,
) -> Division:
    """Divides the training split.

    The examples held out do not depend on those that are left out.

    Args:
        dataset: The splits.
        dev_fraction: Fraction of each class to hold out of training; no group of
            examples is divided.
        seed: Seed of the random division.
        held_out: int64 indices of training images to hold out, instead of a division
            by `dev_fraction` and `seed`.
        excluded: int64 indices of training images to leave out; images that are held
            out stay.

    Raises:
        UsageError: No training image of a class is left, or none with a weight.
    """
    labels, weights = dataset.train.labels, dataset.train.weights
    train, dev = stratified_split(labels, dev_fraction, seed, dataset.train.groups)
    if held_out is not None:
        train, dev = np.setdiff1d(np.arange(len(labels)), held_out), held_out
    used = train if excluded is None else np.setdiff1d(train, excluded)
    if weights is not None and not weights[used].any():
        raise UsageError(
            "all images that would be trained on have weight 0; lower --train_dev, or "
            "shorten --exclude"
        )
    if excluded is None:
        return Division(train, dev, np.zeros(0, np.int64))
    classes = dataset.num_classes
    is_left = class_counts(labels[used], classes) > 0
    absent = np.flatnonzero((class_counts(labels[train], classes) > 0) & ~is_left)
    if len(absent):
        names = ", ".join(repr(dataset.class_names[label]) for label in absent)
        raise UsageError(
            f"exclude leaves no training image of {names}; delete some of its lines"
        )
    return Division(used, dev, np.intersect1d(train, excluded))


def prepare(
    dataset: Dataset,
    division: Division,
    seed: int,
    mode: str,
    strategy: tf.distribute.Strategy,
    progress: Progress,
    servers: Servers | None = None,
    cache: str = decoded.OFF,
) -> Examples:
    """Prepares batches of the training and the validation split.

    Args:
        dataset: The splits; its test part is not read.
        division: Of the training split.
        seed: Seed of the choice of `train_clean`.
        mode: How images are read: "memory" (loaded onto the devices), "stream" (on
            demand), "service" (on demand, by servers), or "auto".
        strategy: The strategy whose devices need the images.
        progress: Called with the numbers of images loaded and to load.
        servers: The servers of mode "service".
        cache: Where decoded image files are kept; see `framework.data.cache.cached`.
            Servers decode by themselves.
    """

    def batches_of(split: LabelledImages) -> Batches:
        return batches(split, mode, strategy, progress, servers)

    train = division.train
    train_split, validation_split = decoded.cached(
        [dataset.train, dataset.validation],
        decoded.OFF if servers else cache,
        progress,
    )
    generator = np.random.Generator(np.random.PCG64(seed))
    count = max(_CLEAN_MIN, int(_CLEAN_FRACTION * len(train)))
    clean = np.sort(generator.permutation(train)[: min(count, _CLEAN_MAX)])
    return Examples(
        dataset=dataset,
        train=train,
        train_clean=clean,
        train_dev=division.train_dev,
        excluded=division.excluded,
        train_batches=batches_of(train_split),
        validation_batches=batches_of(validation_split),
    )


def batches(
    split: LabelledImages,
    mode: str,
    strategy: tf.distribute.Strategy,
    progress: Progress,
    servers: Servers | None = None,
) -> Batches:
    """Returns batches of a split.

    Args:
        split: The examples.
        mode: How images are read; see `prepare`.
        strategy: The strategy whose devices need the images.
        progress: Called with the numbers of images loaded and to load.
        servers: The servers of mode "service".
    """
    if mode == "service":
        return StreamBatches(files.served(split), strategy, servers)
    if mode == "stream" or (mode == "auto" and not fits_memory(split)):
        return StreamBatches(split, strategy)
    return MemoryBatches(split.in_memory(progress), strategy)
