"""Opens the right batches for a step: epoch after epoch, each in its own order."""

from __future__ import annotations

import numpy as np

from framework.data import order
from framework.data.batches import Batches, Handle, padded


class Feed:
    """The training batches of a run.

    Where it stands follows from the step alone, so that nothing of it is saved.

    Args:
        batches: Of the split that examples are taken from.
        rows: int [N], which of its examples to train on.
        batch_size: How many a batch has, over all replicas; at most N.
        seed: Of the order.
        parts: In how many parts each batch is gone through.
    """

    def __init__(
        self,
        batches: Batches,
        rows: np.ndarray,
        batch_size: int,
        seed: int,
        parts: int = 1,
    ):
        self.batches = batches
        self.parts = parts
        self.size = len(rows)
        self._rows = rows
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = -1
        self._handle: Handle = None

    @property
    def per_epoch(self) -> int:
        """How many batches go through the examples once; the last may be filled up."""
        return -(-self.size // self._batch_size)

    def at(self, step: int) -> Handle:
        """Returns what gives the batch of a step and those after it in its epoch.

        Args:
            step: 0-based; the one after the last that was asked for, or any at first.
        """
        epoch, index = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._handle = self.batches.open(self._divided(epoch), self.parts, index)
            self._epoch = epoch
        return self._handle

    def rows(self, step: int) -> np.ndarray:
        """Returns which examples of the split are in the batch of a step: int [B]."""
        epoch, index = divmod(step, self.per_epoch)
        return self._divided(epoch)[index]

    def reset(self) -> None:
        """Lets `at` be asked for any step next."""
        self._epoch = -1

    def _divided(self, epoch: int) -> np.ndarray:
        rows = self._rows[order.permutation(self._seed, epoch, self.size)]
        return padded(rows, self._batch_size)
