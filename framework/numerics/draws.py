"""Draws that depend on nothing but (seed, step, place in the global batch).

They come from Philox-4x32-10 (Salmon et al., 2011): the key is the seed and a stream's
name, the counter is the step and the row. So a draw is the same in eager mode, in a
graph and under XLA, on one device or on many, in an unbroken run or a resumed one.
TensorFlow's own floats are not: XLA turns the same bits into others.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from framework.errors import UsageError

# Philox gives four words for each value of its counter.
_WORDS = 4
_PHILOX = 1


@dataclasses.dataclass(frozen=True)
class Draws:
    """The draws that belong to some rows of the global batch of one step.

    Attributes:
        seed: The run's seed, from 0 to 2**32 - 1.
        step: int64 scalar, the optimizer step.
        start: int64 scalar, the first of the rows.
        rows: How many rows.
    """

    seed: int
    step: tf.Tensor
    start: tf.Tensor
    rows: int

    def bits(self, stream: str, columns: int) -> tf.Tensor:
        """Returns uint32 [rows, columns] of random bits.

        Args:
            stream: What they are for; each name has draws of its own.
            columns: How many for each row.
        """
        groups = -(-columns // _WORDS)
        key = (self.seed << 32) | zlib.crc32(stream.encode())
        first = tf.cast(self.start, tf.uint64) * tf.constant(groups, tf.uint64)
        bits = tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=[self.rows * groups * _WORDS],
            key=tf.constant([key], tf.uint64),
            counter=tf.stack([first, tf.cast(self.step, tf.uint64)]),
            alg=_PHILOX,
            dtype=tf.uint32,
        )
        return tf.reshape(bits, [self.rows, groups * _WORDS])[:, :columns]

    def uniform(self, stream: str, columns: int) -> tf.Tensor:
        """Returns float32 [rows, columns], uniform in [0, 1), multiples of 2**-24."""
        high = tf.bitwise.right_shift(
            self.bits(stream, columns), tf.constant(8, tf.uint32)
        )
        return tf.cast(high, tf.float32) * 2.0**-24


def check_at_least(low: float, **values: float) -> None:
    """Refuses values, given by name, that are below `low`.

    Raises:
        UsageError: One is; it is named.
    """
    for name, value in values.items():
        if not value >= low:
            raise UsageError(f"{name} must be at least {low}, not {value}")


def check_ranges(**pairs: Sequence[float]) -> None:
    """Refuses what are not two numbers, above 0, of which the second is no smaller.

    Raises:
        UsageError: One is not; it is named.
    """
    for name, pair in pairs.items():
        if len(pair) != 2 or not 0 < pair[0] <= pair[1]:
            raise UsageError(
                f"{name} must be two numbers above 0, the smaller first, not {pair}"
            )


def factor_range(by: float | Sequence[float]) -> tuple[float, float]:
    """Returns the least and the largest factor: 1 - by and 1 + by, or the two given.

    Raises:
        UsageError: There are not two.
    """
    if not isinstance(by, (tuple, list)):
        return 1.0 - by, 1.0 + by
    if len(by) != 2:
        raise UsageError(f"by must be one number, or two, not {by}")
    return by[0], by[1]


def random_factors(u: tf.Tensor, by: float | Sequence[float]) -> tf.Tensor:
    """Returns uniform draws within `factor_range(by)`, of uniform ones in [0, 1)."""
    low, high = factor_range(by)
    return low + u * (high - low)


def from_quantiles(u: tf.Tensor, quantiles: Sequence[float] | np.ndarray) -> tf.Tensor:
    """Returns draws from any distribution, of uniform ones in [0, 1).

    It is interpolated between its quantiles. Of a root or a logarithm the last bit can
    depend on a number's place in a vector, and so on the number of devices; not so of
    sums and products.

    Args:
        u: float32 of any shape.
        quantiles: Those of 0, 1/n, 2/n, ..., 1.
    """
    table = tf.constant(np.asarray(quantiles), tf.float32)
    place = u * (table.shape[0] - 1)
    cell = tf.floor(place)
    index = tf.cast(cell, tf.int32)
    low, high = tf.gather(table, index), tf.gather(table, index + 1)
    return low + (high - low) * (place - cell)


def random_rectangle(
    u: tf.Tensor, v: tf.Tensor, area: Sequence[float], ratio: Sequence[float]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns random sides of rectangles, x and y.

    Args:
        u: float32 [B], uniform in [0, 1).
        v: Another such.
        area: The least and the largest product of the sides; uniform.
        ratio: The least and the largest x / y; uniform in its logarithm.
    """
    side = from_quantiles(u, np.sqrt(np.linspace(*area, num=1025)))
    stretch = np.sqrt(np.geomspace(*ratio, num=1025))
    return side * from_quantiles(v, stretch), side * from_quantiles(v, 1.0 / stretch)


_CURRENT: contextvars.ContextVar[Draws] = contextvars.ContextVar("draws")


@contextlib.contextmanager
def use_draws(draws: Draws) -> Iterator[None]:
    """Makes `draws` those of the layers that are called within."""
    token = _CURRENT.set(draws)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current_draws() -> Draws:
    """Returns the draws in use.

    Raises:
        RuntimeError: None are, so that what is drawn could not be drawn again.
    """
    try:
        return _CURRENT.get()
    except LookupError:
        raise RuntimeError(
            "a layer that draws by (seed, step) was called outside a training step; "
            "call it within framework.numerics.draws.use_draws(Draws(...)), or with "
            "training=False"
        ) from None
