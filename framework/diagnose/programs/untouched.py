"""The test part given to `explain`, which a diagnosis keeps and does not look at."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.diagnose.programs.keras_data import Arrays
from framework.errors import UsageError
from framework.numerics import labels as labels_lib


class Untouched:
    """A test part of a Keras program: only its shapes are read before it is opened.

    Args:
        data: (x, y), arrays of the same forms as those of training.
        train: The training data.

    Raises:
        UsageError: It is no such pair, or its shapes are others.
    """

    def __init__(self, data: Any, train: Arrays):
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise UsageError(
                f"test must be a pair of arrays (x, y), not {type(data).__name__}"
            )
        self._x, self._y = (
            each if hasattr(each, "shape") else np.asarray(each) for each in data
        )
        shapes = [tuple(each.shape) for each in (self._x, self._y)]
        for name, shape, like in zip("xy", shapes, train, strict=True):
            if not shape or shape[1:] != like.shape[1:]:
                expected = ", ".join(["N", *map(str, like.shape[1:])])
                raise UsageError(
                    f"test: {name} must be [{expected}] as in training, not {shape}"
                )
        if shapes[0][0] != shapes[1][0] or not shapes[0][0]:
            raise UsageError(
                f"test: there are {shapes[0][0]} images but {shapes[1][0]} labels"
            )
        self._train = train

    def __len__(self) -> int:
        return int(self._x.shape[0])

    def opened(self) -> Arrays:
        """Returns x [N, ...] and y [N, ...]; every call is a look at the test part.

        Raises:
            UsageError: Images are not finite numbers, or a label is not a class of the
                training labels.
        """
        x, y = np.asarray(self._x), np.asarray(self._y)
        if x.dtype == np.float64:
            x = x.astype(np.float32)
        if not np.isfinite(x).all():
            raise UsageError("test: x has NaN or infinite values")
        known = np.unique(labels_lib.classes(self._train[1]))
        unknown = np.setdiff1d(labels_lib.classes(y), known)
        if len(unknown):
            raise UsageError(f"test: y has class {unknown[0]}, which training has not")
        return x, y
