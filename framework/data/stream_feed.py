"""Training batches from a stream, which cannot be read from a position."""

from __future__ import annotations

import numpy as np

from framework.data.batches import EpochBatches, StreamBatches
from framework.data.feed import Feed
from framework.data.stream import Stream

# Batches that are read ahead of the step.
_READ_AHEAD = 2


class StreamFeed(Feed):
    """Batches of a stream that is read again and again, one pass after the other.

    All batches are full: a batch may have images of two passes. A new process begins
    with a new pass.

    Args:
        stream: The stream.
        batches: Batches of examples like those of the stream; they take its batches in
            the compiled loop.
        batch_size: Examples per batch.
        micro_batches: The number of micro-batches per batch.
    """

    def __init__(
        self,
        stream: Stream,
        batches: StreamBatches,
        batch_size: int,
        micro_batches: int = 1,
    ):
        self.batches = batches
        self.micro_batches = micro_batches
        self._per_epoch = -(-stream.images // batch_size)
        self.size = self._per_epoch * batch_size
        passes = stream.examples.repeat().batch(batch_size, drop_remainder=True)
        self._passes = passes.prefetch(_READ_AHEAD)
        self._iterator: EpochBatches = None

    @property
    def per_epoch(self) -> int:
        """See base class."""
        return self._per_epoch

    def at(self, step: int) -> EpochBatches:
        """See base class; the step does not matter."""
        if self._iterator is None:
            self._iterator = iter(self._passes)
        return self._iterator

    def reset(self) -> None:
        """See base class; the next step begins a new pass."""
        self._iterator = None

    def drawn_labels(self) -> np.ndarray | None:
        """See base class; what a pass has is not known."""
        return None
