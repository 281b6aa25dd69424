"""Takes the untouched test part off the training images of a data set."""

from __future__ import annotations

import dataclasses

import numpy as np

from framework.config.portion import Portion
from framework.data import stratify
from framework.data.dataset import Dataset, class_counts
from framework.errors import UsageError

# Not --seed: runs of several seeds are then compared on the same test images. And not
# 0, with which other divisions of the same files begin.
_SEED = 20_001


def hold_out_test(
    dataset: Dataset, portion: str, held_out: np.ndarray | None = None
) -> Dataset:
    """Moves training images to the test part, before anything else sees the data.

    The division depends on the labels of the training images alone: it is the same for
    every --seed, batch size and number of devices.

    Args:
        dataset: The data set; returned unchanged if its test part was drawn already.
        portion: How much to take, such as "10%" of each class or "500" images, in the
            proportions of the classes; "" for nothing. No group of examples is divided.
        held_out: int64 indices of the training images to take, instead of a division
            by `portion`.

    Raises:
        UsageError: The data set has a test part of its own, or too few images.
    """
    if not portion or dataset.is_test_drawn:
        return dataset
    if dataset.test is not None:
        raise UsageError(
            f"--test={portion}: {dataset.name} has a test part of its own, of "
            f"{len(dataset.test):,} images; leave out --test to use it"
        )
    rows = _drawn(dataset, Portion.parse(portion)) if held_out is None else held_out
    if not len(rows):
        raise UsageError(
            f"--test={portion} of {len(dataset.train):,} training images leaves no "
            f"test image of any class; raise it"
        )
    test = dataset.train.take(rows)
    counts = class_counts(test.labels, dataset.num_classes)
    absent = [dataset.class_names[label] for label in np.flatnonzero(counts == 0)]
    notes = dataset.notes
    if absent:
        notes += (f"there are no test images of {', '.join(map(repr, absent))}",)
    rest = np.setdiff1d(np.arange(len(dataset.train)), rows)
    return dataclasses.replace(
        dataset,
        train=dataset.train.take(rest),
        notes=notes,
        test=test,
        is_test_drawn=True,
    )


def _drawn(dataset: Dataset, portion: Portion) -> np.ndarray:
    """Returns indices of training images, int64, in ascending order."""
    labels, groups = dataset.train.labels, dataset.train.groups
    if portion.fraction:
        return stratify.stratified_split(labels, portion.fraction, _SEED, groups)[1]
    # An image of each class stays.
    several = labels.ndim == 2
    most = len(labels) - (1 if several else len(np.unique(labels)))
    if portion.images > most:
        raise UsageError(
            f"--test must be at most {most:,} of the {len(labels):,} training images "
            f"of {dataset.name}, not {portion.images:,}"
        )
    if several:
        return stratify.sample(labels, portion.images, _SEED, groups)[1]
    if groups is not None:
        # As near to that number as the sizes of the groups allow.
        return stratify.stratified_split(
            labels, portion.images / len(labels), _SEED, groups
        )[1]
    return _stratified_sample(labels, portion.images)


def _stratified_sample(labels: np.ndarray, count: int) -> np.ndarray:
    """Returns the indices of a number of examples, in the proportions of the classes.

    By largest remainders (Hamilton's method); ties are decided at random. An example of
    each class is left out.
    """
    generator = np.random.Generator(np.random.PCG64(_SEED))
    classes, sizes = np.unique(labels, return_counts=True)
    exact = count * sizes / len(labels)
    quotas = np.minimum(np.floor(exact).astype(np.int64), sizes - 1)
    ranks = np.lexsort((generator.permutation(len(classes)), quotas - exact))
    while (missing := count - quotas.sum()) > 0:
        open_classes = ranks[(quotas < sizes - 1)[ranks]]
        quotas[open_classes[:missing]] += 1
    chosen = [
        generator.permutation(np.flatnonzero(labels == label))[:quota]
        for label, quota in zip(classes, quotas, strict=True)
    ]
    return np.sort(np.concatenate(chosen))
