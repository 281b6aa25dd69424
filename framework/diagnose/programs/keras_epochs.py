"""The epochs of a trial of a Keras model: examples, orders and augmentation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from framework import augment
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs.keras_batches import Examples
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.trial_data import balanced_order, batch_size
from framework.numerics.draws import Draws

_SEED = 0
# More epochs than a training has: their draws are those of a seed.
_EPOCHS_OF_SEED = 1_000_000


def training_epochs(
    source: Source, intervention: Intervention, epochs: float
) -> Iterator[tuple[Examples, np.ndarray, int]]:
    """Yields the epochs of a trial.

    Args:
        source: The training data.
        intervention: What is different from the original training.
        epochs: The length, in epochs of the original training.

    Yields:
        Examples, their order (int [N]) and the batch size.
    """
    given = Examples(*source.fed, source.weights)
    size = batch_size(source.batch_size, intervention)
    steps = steps_of(source, intervention, epochs)
    if intervention.train is not None:
        images, y = intervention.train.images, source.like(intervention.train.labels)
        given = Examples(images, y, source.weights_of(images, y))
    # Another seed has other orders and draws.
    epoch = intervention.seed * _EPOCHS_OF_SEED
    while steps > 0:
        if intervention.train is None:
            given = source.epoch()
        # Classes that are drawn equally often need no weights of their own.
        is_equal = intervention.balance and source.class_weight
        if given.weights is not None and (intervention.unweighted or is_equal):
            given = given._replace(weights=np.ones_like(given.weights))
        order = _order(source, intervention, epoch, given.y)[: steps * size]
        x = augmented(given.x, intervention.augment or "", epoch)
        yield given._replace(x=x), order, size
        steps -= -(-len(order) // size)
        epoch += 1


def steps_of(source: Source, intervention: Intervention, epochs: float) -> int:
    """Returns the number of steps of a trial.

    Args:
        source: The training data.
        intervention: Of which the batch size counts.
        epochs: The length, in epochs of the original training.
    """
    size = batch_size(source.batch_size, intervention)
    return max(round(epochs * len(source.arrays[0]) / size), 1)


def _order(
    source: Source, intervention: Intervention, epoch: int, y: np.ndarray
) -> np.ndarray:
    generator = np.random.Generator(np.random.PCG64([_SEED, epoch]))
    if intervention.balance:
        return balanced_order(y, generator)
    if intervention.shuffle or intervention.train is not None:
        return generator.permutation(len(y))
    return source.order(epoch, len(y))


def augmented(images: np.ndarray, text: str, epoch: int) -> np.ndarray:
    """Augments images as trials do, with draws of their own in each epoch.

    Args:
        images: [N, height, width, C], uint8 or float32.
        text: An augmentation spec, such as "rotate(10) + flip"; "" for none.
        epoch: Counted from 0; each has other draws.

    Returns:
        float32 [N, height, width, C]; the images themselves for an empty spec.

    Raises:
        NotApplicableError: The array holds no images.

    Example:
        >>> augmented(np.zeros([2, 8, 8, 1], np.float32), "flip", epoch=0).shape
        (2, 8, 8, 1)
    """
    if not text:
        return images
    if images.ndim != 4:
        raise NotApplicableError("the examples are not images")
    policy = augment.build(text, of_bytes=images.dtype == np.uint8)
    if policy is None:
        return images
    zero = tf.constant(0, tf.int64)
    draws = Draws(_SEED, tf.constant(epoch, tf.int64), zero, len(images))
    result: np.ndarray = policy(tf.constant(images), draws, len(images)).numpy()
    return result
