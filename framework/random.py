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
from collections.abc import Iterator

import tensorflow as tf

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


_CURRENT: contextvars.ContextVar[Draws] = contextvars.ContextVar("draws")


@contextlib.contextmanager
def use(draws: Draws) -> Iterator[None]:
    """Makes `draws` those of the layers that are called within."""
    token = _CURRENT.set(draws)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current() -> Draws:
    """Returns the draws in use.

    Raises:
        RuntimeError: None are, so that what is drawn could not be drawn again.
    """
    try:
        return _CURRENT.get()
    except LookupError:
        raise RuntimeError(
            "a layer that draws by (seed, step) was called outside a training step; "
            "call it within framework.random.use(Draws(...)), or with training=False"
        ) from None
