"""Joins two splits of one data set."""

from __future__ import annotations

import dataclasses

import numpy as np

from framework.data import memory
from framework.data.files import Files
from framework.data.split import LabelledImages, LazySplit, Split


def joined(first: LabelledImages, second: LabelledImages) -> LabelledImages | None:
    """Returns the examples of two splits, one after the other.

    Args:
        first: A split.
        second: Another one of the same data set.

    Returns:
        None if they are neither both in memory nor both image files.
    """
    labels = np.concatenate([first.labels, second.labels])
    weights, groups = _weights(first, second), _groups(first, second)
    if isinstance(first, Split) and isinstance(second, Split):
        shape = (len(labels), *first.shape[1:])
        images = memory.empty(shape, first.dtype)
        np.concatenate([first.images, second.images], out=images)
        return Split(images, labels, weights, groups)
    if not (isinstance(first, LazySplit) and isinstance(second, LazySplit)):
        return None
    if not (isinstance(first.images, Files) and isinstance(second.images, Files)):
        return None
    paths = (*first.images.paths, *second.images.paths)
    files = dataclasses.replace(first.images, paths=paths)
    return LazySplit(files, labels, weights, groups)


def _weights(*splits: LabelledImages) -> np.ndarray | None:
    """Returns the weights of several splits; those of splits without any are 1."""
    if all(split.weights is None for split in splits):
        return None
    ones = [np.ones(len(split), np.float32) for split in splits]
    return np.concatenate(
        [
            one if split.weights is None else split.weights
            for one, split in zip(ones, splits, strict=True)
        ]
    )


def _groups(*splits: LabelledImages) -> np.ndarray | None:
    """Returns the groups of several splits; None if one of them has none."""
    groups = [split.groups for split in splits if split.groups is not None]
    return np.concatenate(groups) if len(groups) == len(splits) else None
