"""The data given to `fit`, as arrays, epoch by epoch."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from framework.diagnose.programs.keras_batches import Examples, checked, passes
from framework.errors import UsageError
from framework.numerics import labels as labels_lib

Arrays = tuple[np.ndarray, np.ndarray]
# Of n of N images, divided anew, (N - n) / N of the new ones were in the other split in
# the first pass: a half where each split is a half. Of changed images, none were.
_LEAST_KNOWN = 0.25
# Of the orders of arrays.
_SEED = 0
# Batches of arrays, where none is given, as in `fit`.
_BATCH = 32


class Source:
    """Examples in the order in which an epoch feeds them.

    Args:
        data: Arrays (x, y) or (x, y, sample_weight), a batched tf.data.Dataset, a
            keras.utils.PyDataset (or Sequence), or a generator of batches.
        batch_size: Of arrays; the others have their own.
        shuffle: Whether arrays, or the batches of a PyDataset, are shuffled in each
            epoch.
        steps: Batches of an epoch, for data without an end.
        sample_weight: [N], of arrays without weights.
        class_weight: By class; those that are not in it have 1.

    Attributes:
        arrays: Examples and labels of a first pass, as they were given.
        weights: Those of the first pass, of examples and classes: float32 [N]; None if
            there are none.
        outputs: How many the model has, where each stands for a class: labels beyond
            them are fed as the last one, for without that there can be no training.
        batch_size: Examples in a batch.
        shuffle: Whether each epoch is to be put in a new order.
        is_random: Whether two passes give other images, not just another order.
        second: The examples of a second pass that differs from the first; else None.
        class_weight: As given; empty for none.

    Raises:
        UsageError: It is nothing that `fit` would take.
    """

    def __init__(
        self,
        data: Any,
        batch_size: int | None = _BATCH,
        shuffle: bool | str = True,
        steps: int = 0,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
    ):
        self.batch_size, self.outputs = batch_size or _BATCH, 0
        # With "batch", `fit` shuffles within each batch, which changes no step.
        self.shuffle = bool(shuffle) and shuffle != "batch"
        self.class_weight = _checked_class_weight(class_weight)
        self._passes: Iterator[tuple[Examples, int]] | None = None
        self.is_random = False
        self.second: Arrays | None = None
        if isinstance(data, (tuple, list)) and len(data) in (2, 3):
            self._first = self._of_arrays(data, steps, sample_weight)
            return
        if sample_weight is not None:
            raise UsageError(
                "sample_weight is for arrays; of other data each batch is "
                "(x, y, sample_weight)"
            )
        if class_weight and isinstance(data, Iterator):
            raise UsageError(
                "class_weight is not supported for generators, as in fit; let each "
                "batch be (x, y, sample_weight)"
            )
        self._passes = passes(data, steps, self.shuffle)
        self.shuffle = False
        first, self.batch_size = next(self._passes, None) or _no_batches()
        self._first = self._weighted(first)
        again, _ = next(self._passes, (None, 0))
        is_shuffled = bool(shuffle) and isinstance(data, keras.utils.PyDataset)
        if again is None or (_same(first, again) and not is_shuffled):
            self._passes = None
        else:
            self.is_random = _fingerprint(first.x) != _fingerprint(again.x)
            self.second = again[:2]

    def _of_arrays(self, data: Any, steps: int, sample_weight: Any) -> Examples:
        if sample_weight is not None and len(data) == 3 and data[2] is not None:
            raise UsageError(
                "there are two sample_weight: one beside the data, and one in them"
            )
        given = data[2] if len(data) == 3 else None
        result = checked(
            data[0], data[1], given if sample_weight is None else sample_weight
        )
        per_epoch = -(-len(result.x) // self.batch_size)
        if steps and steps != per_epoch:
            raise UsageError(
                f"arrays are fed whole: {per_epoch} batches an epoch, not {steps}; for "
                f"another number, give a tf.data.Dataset"
            )
        return self._weighted(result)

    def _weighted(self, examples: Examples) -> Examples:
        """Returns examples with the weights of their classes."""
        if not self.class_weight:
            return examples
        if examples.weights is not None:
            raise UsageError(
                "give class_weight or sample_weight, not both; their product is a "
                "sample_weight"
            )
        return examples._replace(weights=self._class_weights(examples.y))

    def _class_weights(self, y: np.ndarray) -> np.ndarray:
        classes = labels_lib.classes(y)
        weights = [self.class_weight.get(int(each), 1.0) for each in classes]
        return np.array(weights, np.float32)

    @property
    def arrays(self) -> Arrays:
        """Examples and labels of a first pass, as they were given."""
        return self._first[:2]

    @property
    def weights(self) -> np.ndarray | None:
        """The weights of the first pass: float32 [N]; None if there are none."""
        return self._first.weights

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
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.arrays[0]) // self.batch_size)

    @property
    def differs(self) -> bool:
        """Whether each pass feeds other examples, or in another order."""
        return self._passes is not None

    def with_examples(self, examples: Examples) -> Source:
        """Returns a copy that feeds other examples, the same in each pass."""
        result = copy.copy(self)
        result._first = examples
        return result

    def epoch(self) -> Examples:
        """Returns the examples of the next epoch."""
        if self._passes is None:
            return Examples(*self.fed, self.weights)
        following = next(self._passes, None)
        result = self._first if following is None else self._weighted(following[0])
        return result._replace(y=self._legal(result.y))

    @property
    def fed(self) -> Arrays:
        """The examples of the first pass, with labels that a loss can take."""
        return self.arrays[0], self._legal(self.arrays[1])

    def like(self, labels: np.ndarray) -> np.ndarray:
        """Returns labels, int [M], in the form of these."""
        return self._legal(labels_lib.like(self.arrays[1], labels))

    def weights_of(self, images: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """Returns the weights of some images: float32 [M]; None if there are none.

        Images that are not of the first pass have the mean weight.

        Args:
            images: [M, ...], unchanged.
            y: Their labels, in the form of these.
        """
        if self.weights is None:
            return None
        if self.class_weight:
            return self._class_weights(y)
        mean = float(np.mean(self.weights))
        return np.array(
            [self._known_weights.get(each.tobytes(), mean) for each in images],
            np.float32,
        )

    @functools.cached_property
    def _known_weights(self) -> dict[bytes, float]:
        assert self.weights is not None
        pairs = zip(self.arrays[0], self.weights, strict=True)
        return {image.tobytes(): float(weight) for image, weight in pairs}

    def _legal(self, y: np.ndarray) -> np.ndarray:
        if self.outputs < 2 or (y.ndim > 1 and y.shape[-1] > 1):
            return y
        return np.clip(np.nan_to_num(y), 0, self.outputs - 1).astype(y.dtype)

    def order(self, epoch: int, count: int) -> np.ndarray:
        """Returns the order of an epoch's examples: int [count]."""
        if not self.shuffle:
            return np.arange(count)
        return np.random.Generator(np.random.PCG64([_SEED, epoch])).permutation(count)


def divided(
    data: Any, fraction: float, sample_weight: Any = None
) -> tuple[Examples, Examples]:
    """Divides arrays into training and validation, as `validation_split` does.

    Args:
        data: (x, y) or (x, y, sample_weight).
        fraction: Of the last examples, which are for validation.
        sample_weight: [N], if `data` has none.

    Raises:
        UsageError: They are no arrays, or a part is empty.
    """
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise UsageError(
            "validation_split divides arrays; give validation= for other data"
        )
    whole = Source(data, shuffle=False, sample_weight=sample_weight)
    place = int(np.floor(len(whole.arrays[0]) * (1.0 - fraction)))
    if not 0 < fraction < 1 or not 0 < place < len(whole.arrays[0]):
        raise UsageError(
            f"validation_split={fraction:g} leaves training or validation without "
            f"images; it must be between 0 and 1"
        )
    parts = [*whole.arrays, *(() if whole.weights is None else (whole.weights,))]
    return (
        Examples(*(each[:place] for each in parts)),
        Examples(*(each[place:] for each in parts)),
    )


def _checked_class_weight(given: Any) -> dict[int, float]:
    """Returns weights by class.

    Raises:
        UsageError: It is no dictionary of numbers by class number.
    """
    try:
        return {int(name): float(weight) for name, weight in dict(given or {}).items()}
    except (TypeError, ValueError):
        raise UsageError(
            f"class_weight must be a dictionary of numbers by class, as {{0: 1.0, 1: "
            f"5.0}}, not {given!r}"
        ) from None


def _no_batches() -> tuple[Examples, int]:
    raise UsageError("the data are empty: they must have at least one batch")


def _same(one: Examples, other: Examples) -> bool:
    if one.weights is None or other.weights is None:
        has_same_weights = one.weights is other.weights
    else:
        has_same_weights = np.array_equal(one.weights, other.weights)
    return (
        has_same_weights
        and np.array_equal(one.x, other.x)
        and np.array_equal(one.y, other.y)
    )


def _fingerprint(x: np.ndarray) -> list[int]:
    """Returns a number an image, in an order that does not depend on theirs."""
    return sorted(hash(image.tobytes()) for image in x)
