"""The interface of images that are read on demand, such as those of a folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import tensorflow as tf

# Called with the number of images that are ready, and the number of all.
Progress = Callable[[int, int], None]


class Images(Protocol):
    """Images of one size that are read on demand, such as those of a folder."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, height, width, channels)."""
        ...

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """uint8 or float32."""
        ...

    @property
    def paths(self) -> tuple[str, ...]:
        """The file of each image; empty if they are not kept in files."""
        ...

    def element(self, index: tf.Tensor) -> tf.Tensor:
        """Returns the image at a scalar int index, in ops of tf.data's graph."""
        ...

    def load(self, progress: Progress) -> np.ndarray:
        """Returns all images as an array of `shape`."""
        ...

    def take(self, indices: np.ndarray) -> Images:
        """Returns the images at the indices, in their order."""
        ...

    def check(self) -> None:
        """Reads every image.

        Raises:
            RunError: An image cannot be read; the message names it.
        """
        ...
