"""Images of any kind as arrays of one kind, and their features without training.

Features are those of Coates, Lee & Ng (2011): patches of the images themselves, as
filters. They cost a second, know no label, and come close to what a small network
learns; so they show what there is to be learnt, whatever the network did.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from framework.diagnose.core.embedding import Embedding

# Larger images are made smaller, by whole factors.
_SIDE = 32
_PATCH = 5
_FILTERS = 64
_PATCHES_SEEN = 4_000
# Patches are taken this far apart in images that are not tiny.
_STRIDE = 2
_TINY = 16
# Responses are summed over a grid of this many rows and columns.
_GRID = 3
_RAW_SIDE = 8
_CHUNK = 250


def are_images(images: np.ndarray) -> bool:
    """Returns whether an array holds images, rather than rows of features."""
    return images.ndim in (3, 4) and min(images.shape[1:3]) >= 4


def with_channels(images: np.ndarray) -> np.ndarray:
    """Returns images as [N, height, width, C]; adds a missing last axis."""
    return images if images.ndim == 4 else images[..., None]


@dataclasses.dataclass(frozen=True)
class Scale:
    """A linear scaling of values to the range 0 to 1.

    Attributes:
        low: What becomes 0.
        high: What becomes 1.
    """

    low: float
    high: float

    @classmethod
    def of(cls, images: np.ndarray) -> Scale:
        """Returns the range of bytes, 0 to 255, or the actual range of floats."""
        if images.dtype == np.uint8:
            return cls(0.0, 255.0)
        low, high = float(np.min(images)), float(np.max(images))
        return cls(low, high if high > low else low + 1.0)

    def unit(self, images: np.ndarray) -> np.ndarray:
        """Returns images in float32, from 0 to 1."""
        values = (np.asarray(images, np.float32) - self.low) / (self.high - self.low)
        # Replacing takes several times as long as looking whether there is anything to.
        if np.isfinite(values).all():
            return values
        return np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)


def shrunk(images: np.ndarray, side: int) -> np.ndarray:
    """Downsamples images to at most that side, by means over squares of pixels."""
    height, width = images.shape[1:3]
    factor = -(-max(height, width) // side)
    if factor == 1:
        return images
    height, width = max(height // factor, 1), max(width // factor, 1)
    rows, columns = min(factor, images.shape[1]), min(factor, images.shape[2])
    cut = images[:, : height * rows, : width * columns]
    shape = (len(images), height, rows, width, columns, images.shape[3])
    return cut.reshape(shape).mean(axis=(2, 4))


class Features:
    """Computes untrained features of images; returns rows of features unchanged.

    Args:
        images: Images that define the scale and the filters: [N, ...].
        embedding: Has the features instead, if it is given.
    """

    def __init__(self, images: np.ndarray, embedding: Embedding | None = None):
        self._scale = Scale.of(images)
        self._filters, self._embedding = None, embedding
        if embedding is None and are_images(images):
            self._learn(self._small(images[:_PATCHES_SEEN]))
        features = self._raw(images)
        self._mean = features.mean(axis=0)
        spread = features.std(axis=0)
        self._spread = np.where(spread > 1e-6 * max(spread.max(), 1e-9), spread, np.inf)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns float32 [N, F], standardised as those it was made from."""
        return (self._raw(images) - self._mean) / self._spread

    def _small(self, images: np.ndarray) -> np.ndarray:
        return shrunk(self._scale.unit(with_channels(images)), _SIDE)

    def _raw(self, images: np.ndarray) -> np.ndarray:
        if self._embedding is not None:
            return self._embedding(images)
        if self._filters is None:
            return self._scale.unit(images).reshape(
                len(images), math.prod(images.shape[1:])
            )
        parts = [
            self._chunk(self._small(images[start : start + _CHUNK]))
            for start in range(0, len(images), _CHUNK)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self._mean)))

    def _learn(self, small: np.ndarray) -> None:
        """Takes filters from patches, whitened so that edges count as much as areas."""
        self._size = min(_PATCH, *small.shape[1:3])
        self._stride = 1 if max(small.shape[1:3]) <= _TINY else _STRIDE
        generator = np.random.Generator(np.random.PCG64(0))
        some = small[generator.permutation(len(small))[:_CHUNK]]
        patches = _normal(self._patches(some).reshape(-1, self._width(small)))
        patches = patches[generator.permutation(len(patches))[:_PATCHES_SEEN]]
        self._center = patches.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov((patches - self._center).T))
        floor = 0.01 * max(values.max(), 1e-6) + 0.01
        self._white = (vectors / np.sqrt(np.maximum(values, 0) + floor)) @ vectors.T
        self._white = self._white.astype(np.float32)
        chosen = (patches - self._center) @ self._white
        chosen = chosen[generator.permutation(len(chosen))[:_FILTERS]]
        lengths = np.linalg.norm(chosen, axis=1, keepdims=True)
        self._filters = (chosen / np.maximum(lengths, 1e-6)).T.astype(np.float32)

    def _width(self, small: np.ndarray) -> int:
        return self._size**2 * small.shape[3]

    def _patches(self, small: np.ndarray) -> np.ndarray:
        """Returns [N, rows, columns, patch]."""
        views = np.lib.stride_tricks.sliding_window_view(
            small, (self._size, self._size), axis=(1, 2)
        )[:, :: self._stride, :: self._stride]
        return views.reshape(*views.shape[:3], -1)

    def _chunk(self, small: np.ndarray) -> np.ndarray:
        patches = _normal(self._patches(small)) - self._center
        answers = patches @ (self._white @ self._filters)
        both = np.concatenate([answers, -answers], axis=3)
        both = np.maximum(both - np.float32(0.5), 0)
        cells = [
            part.mean(axis=(1, 2))
            for rows in np.array_split(both, min(_GRID, both.shape[1]), axis=1)
            for part in np.array_split(rows, min(_GRID, both.shape[2]), axis=2)
        ]
        cells.append(shrunk(small, _RAW_SIDE).reshape(len(small), -1))
        return np.concatenate(cells, axis=1).astype(np.float32)


def _normal(patches: np.ndarray) -> np.ndarray:
    """Standardizes each patch; patches without texture stay near 0."""
    patches = patches - patches.mean(axis=-1, keepdims=True)
    # A tenth of a level in noise-free areas is no edge.
    return patches / np.sqrt(patches.var(axis=-1, keepdims=True) + np.float32(1e-3))
