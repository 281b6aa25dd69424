"""The training batches of each step: epochs, each in its own order."""

from __future__ import annotations

import abc

import numpy as np

from framework.data import order, sampling
from framework.data.batches import Batches, EpochBatches, padded
from framework.data.sampling import Sampling


class Feed(abc.ABC):
    """The training batches of a run.

    Attributes:
        batches: Takes the batches of `at`, inside the compiled loop.
        micro_batches: The number of micro-batches per batch (gradient accumulation).
        size: The number of examples in an epoch, without padding.
    """

    batches: Batches
    micro_batches: int
    size: int

    @property
    @abc.abstractmethod
    def per_epoch(self) -> int:
        """Batches per epoch; the last one may be padded."""

    @abc.abstractmethod
    def at(self, step: int) -> EpochBatches:
        """Returns the batches of the epoch that contains a step, from that step on.

        Args:
            step: 0-based. Later calls must continue where the last one ended.
        """

    @abc.abstractmethod
    def reset(self) -> None:
        """Allows the next call of `at` to be of any step."""

    @abc.abstractmethod
    def drawn_labels(self) -> np.ndarray | None:
        """Returns the labels of the first epoch, int [N], if some examples repeat."""


class OrderedFeed(Feed):
    """The batches of a split, in an order that follows from seed and epoch.

    Its position follows from the step, so it has no state to save.

    Args:
        batches: Batches of the training split.
        indices: int [N], the examples of the split to train on.
        batch_size: Examples per batch, over all replicas; at most N.
        seed: Seed of the order.
        micro_batches: The number of micro-batches per batch.
        draw: How often each class is drawn; see `framework.data.order.sample`.
    """

    def __init__(
        self,
        batches: Batches,
        indices: np.ndarray,
        batch_size: int,
        seed: int,
        micro_batches: int = 1,
        draw: Sampling = sampling.uniform,
    ):
        self.batches = batches
        self.micro_batches = micro_batches
        self.size = len(indices)
        self._indices = indices
        self._batch_size = batch_size
        self._seed = seed
        self._labels = batches.split.labels[indices]
        self._draw = draw
        self._epoch = -1
        self._open_epoch: EpochBatches = None

    @property
    def per_epoch(self) -> int:
        """See base class."""
        return -(-self.size // self._batch_size)

    def at(self, step: int) -> EpochBatches:
        """See base class."""
        epoch, index = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._open_epoch = self.batches.open(
                self._epoch_indices(epoch), self.micro_batches, index
            )
            self._epoch = epoch
        return self._open_epoch

    def reset(self) -> None:
        """See base class."""
        self._epoch = -1

    def drawn_labels(self) -> np.ndarray | None:
        """See base class."""
        if self._draw is sampling.uniform:
            return None
        return self.batches.split.labels[self.examples(epoch=0)]

    def indices(self, step: int) -> np.ndarray:
        """Returns the examples of the split in the batch of a step, int [B]."""
        epoch, index = divmod(step, self.per_epoch)
        return self._epoch_indices(epoch)[index]

    def examples(self, epoch: int) -> np.ndarray:
        """Returns the examples of the split in an epoch, int [N], without padding."""
        drawn = order.sample(self._seed, epoch, self._labels, self._draw)
        return self._indices[drawn]

    def _epoch_indices(self, epoch: int) -> np.ndarray:
        """Returns the examples of each batch of an epoch, int [batches, B]."""
        return padded(self.examples(epoch), self._batch_size)
