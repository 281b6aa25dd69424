"""The base class of augmentations."""

from __future__ import annotations


class Augmentation:
    """A random transformation of images.

    Attributes:
        draws: Random numbers for each image.
    """

    draws: int = 1

    def num_draws(self, shape: tuple[int, int, int]) -> int:
        """Returns the random numbers for each image of (height, width, channels).

        Override it where the number depends on settings or on the shape.
        """
        del shape
        return self.draws
