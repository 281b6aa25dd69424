"""Reads what `fit` accepts as data: arrays, datasets and generators of batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from framework.errors import UsageError

# No epoch of a generator is longer that ends by itself and fits into memory.
_MOST_BATCHES = 100_000
_NAMES = ("x", "y", "sample_weight")
_SEED = 0


class Examples(NamedTuple):
    """Examples in their order.

    Attributes:
        x: [N, ...].
        y: Labels as they were given: [N], [N, 1] or [N, K].
        weights: float32 [N]; None if there are none.
    """

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None = None


def checked(*parts: Any) -> Examples:
    """Returns x, y and perhaps weights as arrays.

    Args:
        *parts: Of as many examples each.

    Raises:
        UsageError: There are several inputs or outputs, no labels, or another number
            of labels or weights than of examples.
    """
    for name, part in zip(_NAMES, parts, strict=False):
        _refuse_several(name, part)
    x, y = (np.asarray(each) for each in parts[:2])
    if x.dtype == np.float64:
        x = x.astype(np.float32)
    if not x.ndim or not y.ndim or len(x) != len(y) or not len(x):
        raise UsageError(
            f"there are {np.size(x, 0) if x.ndim else 0} images but "
            f"{np.size(y, 0) if y.ndim else 0} labels"
        )
    if len(parts) == 2 or parts[2] is None:
        return Examples(x, y)
    weights = np.asarray(parts[2])
    if weights.shape not in ((len(x),), (len(x), 1)):
        raise UsageError(
            f"sample_weight must have one number for each of {len(x)} images, not the "
            f"shape {weights.shape}"
        )
    return Examples(x, y, weights.reshape(-1).astype(np.float32))


def _refuse_several(name: str, part: Any) -> None:
    several = isinstance(part, Mapping) or (
        isinstance(part, (list, tuple))
        and any(getattr(each, "shape", ()) for each in part)
    )
    if several:
        what = "inputs" if name == "x" else "outputs"
        raise UsageError(
            f"{name} is a {type(part).__name__} of {len(part)} arrays: a model with "
            f"several {what} cannot be explained; explain one with an input and an "
            f"output"
        )
    if part is None and name == "y":
        raise UsageError("the data have no labels: they must be (x, y)")


def passes(
    data: Any, steps: int = 0, shuffle: bool = False
) -> Iterator[tuple[Examples, int]]:
    """Yields the examples of epoch after epoch, and the batch size.

    As in `fit`, an epoch of `steps` batches continues where the one before has ended,
    and ends with the data; the next one begins anew.

    Args:
        data: A batched tf.data.Dataset, a keras.utils.PyDataset or a generator.
        steps: Batches of an epoch; 0 for all.
        shuffle: Whether to shuffle the batches of a PyDataset.

    Raises:
        UsageError: It is none of these; there are no batches, or no end of them.
    """
    begin, end_epoch = _batches(data, steps, shuffle)
    rest = begin()
    while True:
        some = list(itertools.islice(rest, steps or _MOST_BATCHES))
        if not some:
            rest = begin()
            some = list(itertools.islice(rest, steps or _MOST_BATCHES))
        if some:
            _unpacked(some[0])
        if not steps and len(some) == _MOST_BATCHES:
            raise UsageError(
                f"data that do not end after {_MOST_BATCHES:,} batches "
                f"{_NEEDS_STEPS}, such as steps_per_epoch=100"
            )
        if not some and isinstance(data, Iterator):
            return
        yield _gathered(some)
        end_epoch()
        if not steps or len(some) < steps:
            rest = begin()


_NEEDS_STEPS = "need steps_per_epoch, or validation_steps"


def _batches(
    data: Any, steps: int, shuffle: bool
) -> tuple[Callable[[], Iterator[Any]], Callable[[], object]]:
    """Returns a function that begins a pass, and one to call after each epoch."""
    if isinstance(data, tf.data.Dataset):
        if data.cardinality() == tf.data.INFINITE_CARDINALITY and not steps:
            raise UsageError(
                f"data without an end {_NEEDS_STEPS}, such as steps_per_epoch=100"
            )
        return data.as_numpy_iterator, lambda: None
    if isinstance(data, keras.utils.PyDataset):
        count, epochs = data.num_batches, itertools.count()
        if count is None and not steps:
            raise UsageError(
                f"data without an end {_NEEDS_STEPS}, such as steps_per_epoch=100"
            )

        def begin() -> Iterator[Any]:
            if count is None:
                return (data[index] for index in itertools.count())
            order = np.arange(count)
            if shuffle:
                generator = np.random.Generator(np.random.PCG64([_SEED, next(epochs)]))
                generator.shuffle(order)
            return (data[int(index)] for index in order)

        return begin, data.on_epoch_end
    if isinstance(data, Iterator):
        return lambda: data, lambda: None
    raise UsageError(
        f"data must be (x, y), (x, y, sample_weight), a tf.data.Dataset, a PyDataset "
        f"or a generator, not {type(data).__name__}"
    )


def _gathered(batches: Iterable[Any]) -> tuple[Examples, int]:
    parts = [_unpacked(batch) for batch in batches]
    if not parts:
        raise UsageError("the data are empty: they must have at least one batch")
    if len({each.weights is None for each in parts}) > 1:
        raise UsageError("some batches have a sample_weight, and others have none")
    # A smaller batch ends an epoch, in whatever order a PyDataset has given it.
    size = max(len(each.x) for each in parts)
    parts.sort(key=lambda each: len(each.x) < size)
    xs, ys, weights = zip(*parts, strict=True)
    return Examples(
        np.concatenate(xs),
        np.concatenate(ys),
        None if weights[0] is None else np.concatenate(weights),
    ), size


def _unpacked(batch: Any) -> Examples:
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        raise UsageError(
            f"a batch must be (x, y) or (x, y, sample_weight), not "
            f"{type(batch).__name__}"
            + (f" of {len(batch)}" if isinstance(batch, (tuple, list)) else "")
        )
    if not isinstance(batch[0], (Mapping, list, tuple)) and np.ndim(batch[0]) < 2:
        raise UsageError("the data must be batched, as for fit: dataset.batch(32)")
    return checked(*batch)
