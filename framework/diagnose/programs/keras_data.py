"""The data given to `fit`, as arrays, epoch by epoch."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from framework.errors import UsageError

Arrays = tuple[np.ndarray, np.ndarray]
# No epoch of a generator is longer that ends by itself and fits into memory.
_MOST_BATCHES = 100_000
# Of n of N images, divided anew, (N - n) / N of the new ones were in the other split in
# the first pass: a half where each split is a half. Of changed images, none were.
_LEAST_KNOWN = 0.25
# Of the orders of arrays.
_SEED = 0


class Source:
    """Examples in the order in which an epoch feeds them.

    Args:
        data: A pair of arrays, a batched tf.data.Dataset, a keras.utils.PyDataset (or
            Sequence), or a generator of batches.
        batch_size: Of arrays; the others have their own.
        shuffle: Whether arrays are shuffled in each epoch.
        steps: Batches of an epoch, for data without an end.

    Attributes:
        arrays: Examples and labels of a first pass, as they were given.
        outputs: How many the model has, where each stands for a class: labels beyond
            them are fed as the last one, for without that there can be no training.
        batch_size: Examples in a batch.
        shuffle: Whether each epoch is to be put in a new order.
        is_random: Whether two passes give other images, not just another order.
        second: The examples of a second pass that differs from the first; else None.

    Raises:
        UsageError: It is nothing that `fit` would take.
    """

    def __init__(
        self, data: Any, batch_size: int = 32, shuffle: bool = True, steps: int = 0
    ):
        self.batch_size, self.shuffle, self.outputs = batch_size, shuffle, 0
        self._passes: Iterator[tuple[Arrays, int]] | None = None
        self.is_random = False
        self.second: Arrays | None = None
        if isinstance(data, (tuple, list)) and len(data) in (2, 3):
            self.arrays = _checked(np.asarray(data[0]), np.asarray(data[1]))
            return
        self.shuffle = False
        self._passes = _passes(data, steps)
        self.arrays, self.batch_size = next(self._passes, None) or _gathered(())
        again, _ = next(self._passes, (None, 0))
        if again is None or _same(self.arrays, again):
            self._passes = None
        else:
            self.is_random = _fingerprint(self.arrays[0]) != _fingerprint(again[0])
            self.second = again

    def is_reshuffled_with(self, other: Source) -> bool:
        """Returns whether a second pass gives images that `other` gave in the first.

        So it is where a dataset is shuffled anew in each pass before it is divided.
        """
        if not self.is_random or self.second is None:
            return False
        first = {hash(image.tobytes()) for image in self.arrays[0]}
        others = {hash(image.tobytes()) for image in other.arrays[0]}
        second = {hash(image.tobytes()) for image in self.second[0]} - first
        return len(second & others) >= _LEAST_KNOWN * len(second)

    @property
    def differs(self) -> bool:
        """Whether each pass feeds other examples, or in another order."""
        return self._passes is not None

    def epoch(self) -> Arrays:
        """Returns the examples of the next epoch: x [N, ...] and y [N, ...]."""
        if self._passes is None:
            return self.fed
        x, y = next(self._passes, (self.arrays, 0))[0]
        return x, self._legal(y)

    @property
    def fed(self) -> Arrays:
        """The examples of the first pass, with labels that a loss can take."""
        return self.arrays[0], self._legal(self.arrays[1])

    def like(self, labels: np.ndarray) -> np.ndarray:
        """Returns labels, int [M], in the form of these."""
        return self._legal(like(self.arrays[1], labels))

    def _legal(self, y: np.ndarray) -> np.ndarray:
        if self.outputs < 2 or (y.ndim > 1 and y.shape[-1] > 1):
            return y
        return np.clip(np.nan_to_num(y), 0, self.outputs - 1).astype(y.dtype)

    def order(self, epoch: int, count: int) -> np.ndarray:
        """Returns the order of an epoch's examples: int [count]."""
        if not self.shuffle:
            return np.arange(count)
        return np.random.Generator(np.random.PCG64([_SEED, epoch])).permutation(count)


def like(y: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns labels in the form of others, such as one-hot.

    Args:
        y: The form: [N], [N, 1] or one-hot [N, K].
        labels: int [M].
    """
    if y.ndim > 1 and y.shape[-1] > 1:
        return np.eye(y.shape[-1], dtype=y.dtype)[labels]
    return labels.reshape(-1, *y.shape[1:]).astype(y.dtype)


def _passes(data: Any, steps: int) -> Iterator[tuple[Arrays, int]]:
    """Yields epoch after epoch, for as long as there are any, and its batch size."""
    if isinstance(data, tf.data.Dataset):
        if data.cardinality() == tf.data.INFINITE_CARDINALITY and not steps:
            raise UsageError(
                "an endless dataset needs steps_per_epoch, such as steps_per_epoch=100"
            )
        while True:
            some = data.take(steps) if steps else data
            yield _gathered(some.as_numpy_iterator())
    elif isinstance(data, keras.utils.PyDataset):
        while True:
            count = steps or data.num_batches
            yield _gathered(data[index] for index in range(count))
            data.on_epoch_end()
    elif isinstance(data, Iterator):
        while True:
            some = list(itertools.islice(data, steps or _MOST_BATCHES))
            if not steps and len(some) == _MOST_BATCHES:
                raise UsageError(
                    f"a generator that does not end after {_MOST_BATCHES:,} batches "
                    f"needs steps_per_epoch"
                )
            if not some:
                return
            yield _gathered(some)
    else:
        raise UsageError(
            f"data must be (x, y), a tf.data.Dataset, a PyDataset or a generator, not "
            f"{type(data).__name__}"
        )


def _gathered(batches: Iterable[Any]) -> tuple[Arrays, int]:
    pairs = [(np.asarray(batch[0]), np.asarray(batch[1])) for batch in batches]
    if not pairs:
        raise UsageError("the data are empty: they must have at least one batch")
    if pairs[0][0].ndim < 2:
        raise UsageError("the data must be batched, as for fit: dataset.batch(32)")
    xs, ys = zip(*pairs, strict=True)
    return _checked(np.concatenate(xs), np.concatenate(ys)), len(xs[0])


def _checked(x: np.ndarray, y: np.ndarray) -> Arrays:
    if len(x) != len(y) or not len(x):
        raise UsageError(f"there are {len(x)} images but {len(y)} labels")
    if x.dtype == np.float64:
        x = x.astype(np.float32)
    return x, y


def _same(one: Arrays, other: Arrays) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def _fingerprint(x: np.ndarray) -> list[int]:
    """Returns a number an image, in an order that does not depend on theirs."""
    return sorted(hash(image.tobytes()) for image in x)
