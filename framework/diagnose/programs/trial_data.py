"""Changes of what a trial feeds that are the same for arrays of any program."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from framework.diagnose.core.intervention import Intervention
from framework.numerics import labels as labels_lib

Scale = Callable[[np.ndarray], np.ndarray]


def batch_size(original: int, intervention: Intervention) -> int:
    """Returns the images of a batch of a trial.

    Args:
        original: The images of a batch of the original training.
        intervention: Of which `batch_size_factor` counts.

    Example:
        >>> batch_size(32, Intervention(batch_size_factor=0.5))
        16
    """
    return max(round(original * intervention.batch_size_factor), 1)


def make_scale(images: np.ndarray, intervention: Intervention) -> Scale:
    """Returns a function that scales images as an intervention says.

    Args:
        images: [N, ..., C], the original training images, whose moments are used.
        intervention: Of which `standardize` and `rescale` count.
    """
    if intervention.rescale is not None:
        factor, offset = intervention.rescale
        return lambda given: (factor * given + offset).astype(np.float32)
    if not intervention.standardize:
        return lambda given: given
    values = images.astype(np.float32)
    axes = tuple(range(values.ndim - 1))
    mean, std = values.mean(axes), np.maximum(values.std(axes), 1e-6)
    return lambda given: ((given - mean) / std).astype(np.float32)


def balanced_order(y: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draws as many examples as there are, each class equally often: int [N].

    Args:
        y: Labels as they were given.
        generator: Draws the class of each example, then the example.
    """
    classes = labels_lib.classes(y)
    rows = {each: np.flatnonzero(classes == each) for each in np.unique(classes)}
    drawn = generator.choice(list(rows), len(classes))
    return np.array([generator.choice(rows[each]) for each in drawn])
