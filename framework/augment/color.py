"""Changes of colour and light, each pixel by itself."""

from __future__ import annotations

import abc
import dataclasses

import tensorflow as tf


class Photometric(abc.ABC):
    """A change of pixel values.

    Attributes:
        draws: How many random numbers an image takes.
    """

    draws: int

    @abc.abstractmethod
    def apply(self, images: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Returns changed images.

        Args:
            images: float32 [B, height, width, C], in the data's own units.
            u: float32 [B, draws], uniform in [0, 1).
        """


@dataclasses.dataclass(frozen=True)
class Brightness(Photometric):
    """Multiplies an image by a draw from 1 - `by` to 1 + `by`."""

    by: float
    draws = 1

    def apply(self, images, u):
        """See base class."""
        return images * (1.0 + (2.0 * u[:, :1, None, None] - 1.0) * self.by)
