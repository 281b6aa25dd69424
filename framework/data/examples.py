"""Which examples of a data set serve for what, and where they are kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from framework.data.batches import Batches, MemoryBatches, StreamBatches, fits_memory
from framework.data.dataset import Dataset, Progress, Split, stratified_split

# Of the training images a twentieth is also evaluated as validation images are, which
# takes a sixtieth of the time of training on all; but so many at least and at most.
_CLEAN_SHARE = 0.05
_CLEAN_LEAST, _CLEAN_MOST = 64, 5_000


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """What to learn from and what to be tested on.

    Attributes:
        dataset: Both splits.
        train: Which of the training split are trained on: int64 indices, as are the
            next two.
        clean: Which of those are also evaluated as validation images are.
        dev: Which are held out.
        of_train: Brings those of the training split.
        of_validation: Brings those of the validation split.
    """

    dataset: Dataset
    train: np.ndarray
    clean: np.ndarray
    dev: np.ndarray
    of_train: Batches
    of_validation: Batches


def prepare(
    dataset: Dataset,
    dev_share: float,
    seed: int,
    place: str,
    strategy: tf.distribute.Strategy,
    progress: Progress,
    services: Sequence[str] = (),
    held_out: np.ndarray | None = None,
) -> Examples:
    """Divides the training split, and brings both splits to where they are needed.

    Args:
        dataset: Both splits.
        dev_share: Which part of each class to hold out of training.
        seed: Which of the many such divisions to take.
        place: Where images are kept: "memory", "stream" (where they are), "service"
            (there, and read by servers), or "auto".
        strategy: Whose devices need them.
        progress: Told now and then how many of how many images have been read.
        services: The addresses of those servers.
        held_out: int64 indices of training images to hold out, instead of a division
            by `dev_share` and `seed`.
    """

    def batches(split: Split) -> Batches:
        if place == "service":
            return StreamBatches(split, strategy, services)
        if place == "stream" or (place == "auto" and not fits_memory(split)):
            return StreamBatches(split, strategy)
        return MemoryBatches(split.in_memory(progress), strategy)

    train, dev = stratified_split(dataset.train.labels, dev_share, seed)
    if held_out is not None:
        train, dev = np.setdiff1d(np.arange(len(dataset.train)), held_out), held_out
    generator = np.random.Generator(np.random.PCG64(seed))
    count = max(_CLEAN_LEAST, int(_CLEAN_SHARE * len(train)))
    clean = np.sort(generator.permutation(train)[: min(count, _CLEAN_MOST)])
    return Examples(
        dataset, train, clean, dev, batches(dataset.train), batches(dataset.validation)
    )
