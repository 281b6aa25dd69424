"""Checks the splits of a data set: types, shapes, labels, weights and pixels."""

from __future__ import annotations

import numpy as np

from framework.data.split import LabelledImages
from framework.errors import RunError


def check(split: LabelledImages, name: str, num_classes: int) -> None:
    """Checks the types, shapes, labels and weights of a split.

    Args:
        split: The split.
        name: Its name in messages.
        num_classes: The number of classes, K.

    Raises:
        RunError: It cannot be trained on.
    """
    shape = split.shape
    if len(shape) != 4 or split.dtype not in (np.uint8, np.float32):
        raise RunError(
            f"{name}: images must be uint8 or float32 [N, height, width, channels], "
            f"not {split.dtype} {tuple(shape)}; convert other types with "
            f"images.astype(np.float32)"
        )
    count = len(split.labels)
    if count == 0:
        raise RunError(f"{name}: there are no images")
    if 0 in shape[1:]:
        raise RunError(
            f"{name}: images of {tuple(shape[1:])} (height, width, channels) have no "
            f"pixels"
        )
    _check_labels(split.labels, shape[0], name, num_classes)
    if split.weights is not None:
        _check_weights(split.weights, count, name)
    if split.groups is not None and split.groups.shape != (count,):
        raise RunError(
            f"{name}: {count} images have groups of shape {split.groups.shape}; "
            f"they must be one number per image"
        )


def check_pixels(split: LabelledImages, name: str) -> None:
    """Checks the pixels of the images in memory.

    Args:
        split: The split.
        name: Its name in messages.

    Raises:
        RunError: An image has NaN or infinite values.
    """
    bad = split.nonfinite_images()
    if len(bad):
        raise RunError(
            f"{name}: image {bad[0]} has NaN or infinite values ({len(bad)} such "
            f"images)"
        )


def check_alike(
    train: LabelledImages, split: LabelledImages, part: str, name: str
) -> None:
    """Checks that the images of a split are like the training images.

    Args:
        train: The training split.
        split: The other split.
        part: The name of the other split in messages.
        name: The name of the data set in messages.

    Raises:
        RunError: Their types or sizes differ, or one of them has several labels an
            image.
    """
    if train.labels.ndim != split.labels.ndim:
        raise RunError(
            f"{name}: training labels are of shape {train.labels.shape} but "
            f"{part} labels {split.labels.shape}; give both as class numbers, or both "
            f"as 0 or 1 for each class"
        )
    if train.dtype != split.dtype:
        raise RunError(
            f"{name}: training images are {train.dtype} but {part} images "
            f"{split.dtype}; convert both to one type and scale"
        )
    if train.shape[1:] != split.shape[1:]:
        raise RunError(
            f"{name}: training images are {train.shape[1:]} but {part} images "
            f"{split.shape[1:]}; make them one size"
        )


def _check_labels(labels: np.ndarray, images: int, name: str, num_classes: int) -> None:
    if labels.shape not in ((images,), (images, num_classes)):
        raise RunError(
            f"{name}: {images} images have labels of shape {labels.shape}; they must "
            f"be one class number per image, or 0 or 1 for each of the "
            f"{num_classes} classes"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise RunError(
            f"{name}: labels must be integers, not {labels.dtype}; convert them with "
            f"labels.astype(np.int32)"
        )
    if labels.ndim == 2:
        wrong = np.flatnonzero(((labels != 0) & (labels != 1)).any(axis=1))
        if len(wrong):
            raise RunError(
                f"{name}: the labels of image {wrong[0]} are {labels[wrong[0]]}, not 0 "
                f"or 1 for each class ({len(wrong)} such images)"
            )
        if not labels.any():
            raise RunError(f"{name}: no image has a label")
    wrong = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if len(wrong):
        raise RunError(
            f"{name}: label {labels[wrong[0]]} of image {wrong[0]} is not one of 0 to "
            f"{num_classes - 1} ({len(wrong)} such labels)"
        )


def _check_weights(weights: np.ndarray, count: int, name: str) -> None:
    """Raises RunError unless there is a weight for each of a number of examples."""
    if weights.dtype != np.float32:
        raise RunError(
            f"{name}: weights must be float32, not {weights.dtype}; convert them with "
            f"weights.astype(np.float32)"
        )
    if weights.shape != (count,):
        raise RunError(
            f"{name}: {count} images have weights of shape {weights.shape}; they must "
            f"be one number per image"
        )
    wrong = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
    if len(wrong):
        raise RunError(
            f"{name}: weight {weights[wrong[0]]} of image {wrong[0]} is not a finite "
            f"number of 0 or more ({len(wrong)} such weights)"
        )
    if not weights.any():
        raise RunError(f"{name}: all weights are 0; leave them out to weigh all alike")
