"""Divides a data set for cross-validation: --fold=2/5."""

from __future__ import annotations

import dataclasses

import numpy as np

from framework.config.fold import Fold
from framework.data import stratify
from framework.data.dataset import Dataset, class_counts
from framework.data.joining import joined
from framework.errors import UsageError


def pooled(dataset: Dataset, fold: str) -> Dataset:
    """Adds the validation images to the training images, before they are divided anew.

    Args:
        dataset: The data set; its test part stays. It is returned unchanged if it has
            been divided by that fold already.
        fold: Such as "2/5"; "" for none.

    Raises:
        UsageError: Its images are neither in memory nor in files.
    """
    if not fold or dataset.fold == fold:
        return dataset
    pool = joined(dataset.train, dataset.validation)
    if pool is None:
        raise UsageError(
            f"--fold={fold} needs images in memory or in files, unlike {dataset.name}"
        )
    if pool.paths:
        # As a new listing: whatever the first division was.
        pool = pool.take(np.lexsort((np.array(pool.paths), pool.labels)))
    return dataclasses.replace(dataset, train=pool)


def divided(dataset: Dataset, fold: str, seed: int) -> Dataset:
    """Divides the training images into a fold to validate on and the rest.

    Folds have the same proportions of classes, as nearly as the sizes of groups allow,
    and divide no group. They depend on the seed, the labels and the groups alone.

    Args:
        dataset: From `pooled`, once its test part is taken off.
        fold: Such as "2/5"; "" for none.
        seed: Seed of the random division.

    Raises:
        UsageError: The fold has no images, or leaves no training image of a class.
    """
    if not fold or dataset.fold == fold:
        return dataset
    which, pool = Fold.parse(fold), dataset.train
    places = stratify.folds(pool.labels, pool.groups, which.count, seed)
    is_held_out = places == which.index - 1
    rest, held_out = np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)
    present, kept = (
        class_counts(labels, dataset.num_classes) > 0
        for labels in (pool.labels, pool.labels[rest])
    )
    absent = np.flatnonzero(present & ~kept)
    if not len(held_out) or len(absent):
        what = "no validation image"
        if len(absent):
            what = f"no training image of {dataset.class_names[absent[0]]!r}"
        raise UsageError(f"--fold={fold} leaves {what}; use fewer folds")
    note = (
        f"fold {fold}: {len(held_out):,} of {len(pool):,} images are validated on; any "
        f"other division into training and validation images is not used"
    )
    return dataclasses.replace(
        dataset,
        train=pool.take(rest),
        validation=pool.take(held_out),
        notes=(*dataset.notes, note),
        is_split_drawn=True,
        fold=fold,
    )
