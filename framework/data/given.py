"""Data sets that are given in Python as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from framework.data.arrays import (
    checked_images,
    checked_labels,
    checked_weights,
    class_names_of,
)
from framework.data.dataset import Dataset
from framework.data.split import Split
from framework.errors import UsageError

# (x_train, y_train, x_validation, y_validation), then perhaps (x_test, y_test); or
# these as pairs, as Keras's `load_data` returns them.
Arrays = tuple[Any, ...]
_PARTS = ("train", "validation", "test")


def as_dataset(given: Dataset | Arrays) -> Dataset:
    """Returns a data set that may be given as arrays.

    >>> x, y = np.zeros((4, 8, 8), np.uint8), np.array([0, 1, 0, 1])
    >>> as_dataset(((x, y), (x, y))).image_shape
    (8, 8, 1)

    Raises:
        UsageError: It is neither; see `from_arrays`.
        RunError: The arrays cannot be trained on.
    """
    if isinstance(given, Dataset):
        return given
    if isinstance(given, tf.data.Dataset):
        given = (given,)
    if not isinstance(given, (tuple, list)):
        raise UsageError(
            f"dataset must be a framework.data.Dataset or arrays (x_train, y_train, "
            f"x_validation, y_validation), not a {type(given).__name__}"
        )
    if all(isinstance(each, (tuple, list)) and len(each) == 2 for each in given):
        given = tuple(array for pair in given for array in pair)
    if any(isinstance(each, tf.data.Dataset) for each in given):
        raise UsageError(
            "a tf.data.Dataset has an order of its own, so that a run cannot resume "
            "exactly; give dataset=framework.data.inexact_stream(train, validation) "
            "where that is acceptable, or see docs/how-to/data.md"
        )
    if len(given) not in (4, 6):
        raise UsageError(
            f"dataset must be (x_train, y_train, x_validation, y_validation), perhaps "
            f"with x_test and y_test after them, not {len(given)} arrays"
        )
    return from_arrays(*given)


def from_arrays(
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_validation: np.ndarray,
    y_validation: np.ndarray,
    x_test: np.ndarray | None = None,
    y_test: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    weights: np.ndarray | None = None,
    validation_weights: np.ndarray | None = None,
    test_weights: np.ndarray | None = None,
) -> Dataset:
    """Returns a data set of arrays.

    >>> x, y = np.zeros((4, 8, 8), np.uint8), np.array([0, 1, 0, 1])
    >>> from_arrays(x, y, x, y, class_names=["cat", "dog"]).class_names
    ('cat', 'dog')
    >>> from_arrays(x, y, x, y, weights=np.array([1, 1, 2, 2])).train.weights
    array([1., 1., 2., 2.], dtype=float32)

    Args:
        x_train: Images, [N, height, width] or [N, height, width, channels]. uint8 ones
            are kept; other numbers are cast to float32 without rescaling.
        y_train: Class numbers from 0, [N] or [N, 1]; or 0 or 1 for each class, [N, K],
            where an image may have several labels.
        x_validation: Like `x_train`.
        y_validation: Like `y_train`.
        x_test: The untouched test part, if there is one.
        y_test: Its class numbers.
        class_names: The names of the classes; by default their numbers.
        weights: The weight of each training image, 0 or more, [N]; None if all count
            the same.
        validation_weights: Those of the validation images.
        test_weights: Those of the test images.

    Raises:
        UsageError: One of `x_test` and `y_test` is missing.
        RunError: An array cannot be trained on; the message names it.
    """
    if (x_test is None) != (y_test is None):
        raise UsageError("give x_test and y_test, or neither")
    arrays = [
        (x_train, y_train, weights),
        (x_validation, y_validation, validation_weights),
        (x_test, y_test, test_weights),
    ]
    splits = [
        Split(
            checked_images(np.asarray(images), f"x_{part}"),
            checked_labels(np.asarray(labels), f"y_{part}", part == "train"),
            None if w is None else checked_weights(np.asarray(w), f"{part} weights"),
        )
        for part, (images, labels, w) in zip(_PARTS, arrays, strict=True)
        if images is not None
    ]
    names = None if class_names is None else np.array([str(x) for x in class_names])
    return Dataset(
        "arrays",
        splits[0],
        splits[1],
        class_names_of(names, splits[0].labels, "the data"),
        test=splits[2] if len(splits) > 2 else None,
    )
