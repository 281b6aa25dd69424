"""Normalization of pixels: one function for training, evaluation and export.

A `--normalize` spec names steps, joined by "+"; each is fitted to the output of the
steps before it. Formulas are those of Keras's `ImageDataGenerator`.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from framework.config import spec
from framework.data.split import LabelledImages, evenly_spaced
from framework.errors import UsageError
from framework.numerics.variables import state_variable

# Maximum number of images to fit to where all would take minutes: reading them from
# disk, or the singular value decomposition of their matrix.
_SAMPLE = 10_000
_CHUNK = 1000
# Values that are processed at a time in float64.
_VALUES = 2**19
# Maximum number of values in an image for ZCA: the matrix has 64 MiB and takes about a
# minute to compute.
_MAX_ZCA_VALUES = 4096

# The statistics of one step, by name.
Statistics = Mapping[str, np.ndarray]


class Chunks(Protocol):
    """Iterates over the training images in chunks."""

    def __call__(self, limit: int = ...) -> Iterator[np.ndarray]:
        """Yields float32 [n, height, width, C]; at most `limit` images in all.

        With a limit, the images are evenly spaced.
        """


class Scaling(abc.ABC):
    """One step of a normalization."""

    def fit(self, chunks: Chunks) -> dict[str, np.ndarray]:
        """Computes statistics of the training images, by name."""
        del chunks
        return {}

    @abc.abstractmethod
    def apply(
        self, images: tf.Tensor, statistics: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Returns scaled images.

        Args:
            images: float32 [B, height, width, C].
            statistics: The result of `fit`.
        """

    def keras_layer(self, statistics: Statistics) -> keras.layers.Layer:
        """Returns a layer of Keras's own that does the same.

        Args:
            statistics: The result of `fit`.

        Raises:
            UsageError: There is none.
        """
        raise UsageError(
            f"Keras has no layer for the normalization {type(self).__name__.lower()!r}"
        )


class Rescale(Scaling):
    """Multiplies by a factor.

    >>> Rescale(0.5).apply(tf.constant([4.0]), {}).numpy().tolist()
    [2.0]
    """

    def __init__(self, factor: float):
        if abs(factor) > float(np.finfo(np.float32).max):
            raise UsageError(f"factor must fit into 32 bits, not {factor}")
        self._factor = factor

    def apply(
        self, images: tf.Tensor, statistics: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """See base class."""
        return images * np.float32(self._factor)

    def keras_layer(self, statistics: Statistics) -> keras.layers.Layer:
        """See base class."""
        return keras.layers.Rescaling(self._factor)


class Symmetric(Scaling):
    """Maps pixels from 0 to `highest` to -1 to 1.

    >>> Symmetric(255.0).apply(tf.constant([0.0, 255.0]), {}).numpy().tolist()
    [-1.0, 1.0]
    """

    def __init__(self, highest: float):
        self._factor = np.float32(2.0 / highest)

    def apply(
        self, images: tf.Tensor, statistics: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """See base class."""
        return images * self._factor - 1.0


class Standard(Scaling):
    """Standardizes each channel: mean 0 and standard deviation 1 in training.

    >>> images = np.array([2.0, 6.0], np.float32).reshape(2, 1, 1, 1)
    >>> statistics = Standard().fit(lambda: iter([images]))
    >>> Normalizer([Standard()], [statistics])(images).numpy().ravel().tolist()
    [-1.0, 1.0]

    Args:
        center: Whether to subtract the mean.
        scale: Whether to divide by the standard deviation.
    """

    def __init__(self, center: bool = True, scale: bool = True):
        self._center = center
        self._scale = scale

    def fit(self, chunks: Chunks) -> dict[str, np.ndarray]:
        """See base class."""
        mean, variance = _moments(chunks())
        # Constant channels are not divided by 0.
        std = np.where(variance > 1e-12, np.sqrt(variance), 1.0)
        return {
            "mean": mean if self._center else np.zeros_like(mean),
            "scale": 1.0 / std if self._scale else np.ones_like(std),
        }

    def apply(
        self, images: tf.Tensor, statistics: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """See base class."""
        # By rows: TensorFlow takes four times as long to subtract along a last axis as
        # short as the number of channels.
        shape, width = tf.shape(images), images.shape[2]
        rows = tf.reshape(images, [-1, width * images.shape[3]])
        mean, scale = (tf.tile(statistics[name], [width]) for name in ("mean", "scale"))
        return tf.reshape((rows - mean) * scale, shape)

    def keras_layer(self, statistics: Statistics) -> keras.layers.Layer:
        """See base class."""
        mean, scale = statistics["mean"], statistics["scale"]
        return keras.layers.Normalization(mean=mean, variance=1 / scale**2)


class Samplewise(Scaling):
    """Standardizes each image, over all its channels.

    >>> images = tf.constant([2.0, 6.0], shape=[1, 1, 2, 1])
    >>> Samplewise().apply(images, {}).numpy().ravel().round(4).tolist()
    [-1.0, 1.0]

    Args:
        center: Whether to subtract the mean.
        scale: Whether to divide by the standard deviation.
    """

    def __init__(self, center: bool = True, scale: bool = True):
        self._center = center
        self._scale = scale

    def apply(
        self, images: tf.Tensor, statistics: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """See base class."""
        mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
        variance = tf.reduce_mean(
            tf.square(images - mean), axis=(1, 2, 3), keepdims=True
        )
        if self._center:
            images -= mean
        return images / (tf.sqrt(variance) + 1e-6) if self._scale else images


class Zca(Scaling):
    """ZCA whitening: removes the correlation between values of different pixels.

    With X the centred images, [n, values] = U S V^T, the matrix is V diag(sqrt(n) / (S
    + epsilon)) V^T. Directions in which the training images hardly vary are dropped;
    Keras amplifies them. It is fitted to at most 10,000 images, evenly spaced.

    >>> images = np.array([1.0, -1.0, 2.0, -2.0], np.float32).reshape(4, 1, 1, 1)
    >>> statistics = Zca().fit(lambda limit=4: iter([images]))
    >>> whitened = Normalizer([Zca()], [statistics])(images)
    >>> round(float(tf.math.reduce_std(whitened)), 4)
    1.0

    Args:
        epsilon: A positive number added to the singular values.
    """

    def __init__(self, epsilon: float = 1e-6):
        if not epsilon > 0:
            raise UsageError(f"epsilon must be positive, not {epsilon}")
        self._epsilon = epsilon

    def fit(self, chunks: Chunks) -> dict[str, np.ndarray]:
        """See base class."""
        values = next(chunks())[0].size
        if values > _MAX_ZCA_VALUES:
            raise UsageError(
                f"zca is for images of at most {_MAX_ZCA_VALUES:,} values; these have "
                f"{values:,}: use 'standard', or a smaller size"
            )
        mean, _ = _moments(chunks(_SAMPLE))
        rows = np.concatenate(
            [(chunk - mean).reshape(len(chunk), -1) for chunk in chunks(_SAMPLE)]
        )
        _, singular, directions = np.linalg.svd(rows, full_matrices=False)
        factors = np.sqrt(len(rows)) / (singular + self._epsilon)
        factors[singular < 1e-6 * singular[0]] = 0.0
        return {"mean": mean, "matrix": (directions.T * factors) @ directions}

    def apply(
        self, images: tf.Tensor, statistics: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """See base class."""
        rows = tf.reshape(
            images - statistics["mean"], [-1, statistics["matrix"].shape[0]]
        )
        return tf.reshape(rows @ statistics["matrix"], tf.shape(images))


def _unit() -> Scaling:
    """Divides bytes by 255; `build` omits it for float images."""
    return Rescale(1 / 255)


def _raw() -> Scaling:
    """Keeps bytes; multiplies float images, from 0 to 1, by 255."""
    return Rescale(255.0)


def _symmetric() -> Scaling:
    """Maps bytes, or float images from 0 to 1, to -1 to 1."""
    return Symmetric(255.0)


def _none() -> Scaling:
    """Leaves pixels unchanged."""
    return Rescale(1.0)


NORMALIZATIONS: dict[str, Callable[..., Scaling]] = {
    "none": _none,
    "unit": _unit,
    "raw": _raw,
    "symmetric": _symmetric,
    "rescale": Rescale,
    "standard": Standard,
    "samplewise": Samplewise,
    "zca": Zca,
}


class Normalizer:
    """A fitted normalization.

    Create it inside the strategy's scope.

    >>> normalizer = Normalizer([Rescale(1 / 255)], [{}])
    >>> normalizer(tf.constant([255], tf.uint8)).numpy().tolist()
    [1.0]

    Args:
        scalings: The steps, in the order of application.
        statistics: The statistics of each step, as `Scaling.fit` returns them.
    """

    def __init__(self, scalings: Sequence[Scaling], statistics: Sequence[Statistics]):
        self._scalings = tuple(scalings)
        self._statistics = [
            {name: state_variable(value, tf.float32) for name, value in values.items()}
            for values in statistics
        ]

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """The statistics by name, to be saved in checkpoints."""
        return {
            f"{index}/{name}": variable
            for index, variables in enumerate(self._statistics)
            for name, variable in variables.items()
        }

    def keras_layers(self) -> list[keras.layers.Layer]:
        """Returns layers of Keras's own that do the same, in order.

        Raises:
            UsageError: A step has none.
        """
        return [
            scaling.keras_layer({name: each.numpy() for name, each in values.items()})
            for scaling, values in zip(self._scalings, self._statistics, strict=True)
        ]

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Normalizes images, [B, height, width, C] of any dtype; returns float32."""
        images = tf.cast(images, tf.float32)
        for scaling, variables in zip(self._scalings, self._statistics, strict=True):
            images = scaling.apply(images, variables)
        return images


def parse(text: str) -> list[tuple[str, Scaling]]:
    """Parses a spec into (name, step) pairs.

    Raises:
        UsageError: The spec is wrong; the message marks the place.
    """
    return [(call.name, _build_scaling(call)) for call in spec.parts(text)]


def build(text: str, train: LabelledImages, rows: np.ndarray) -> Normalizer:
    """Builds the normalization of a spec and fits it to the training images.

    Args:
        text: Steps joined by "+". "unit" divides bytes by 255 and leaves float images
            unchanged.
        train: The training split.
        rows: int [N], indices of the images to train on. It is fitted to all of them,
            or to at most 10,000, evenly spaced, if they are not in memory.

    Raises:
        UsageError: The spec is wrong, or does not fit the images.
    """
    scalings = _effective(text, train.dtype)
    if all(type(scaling).fit is Scaling.fit for scaling in scalings):
        return Normalizer(scalings, [{} for _ in scalings])
    split, rows = train.sample(rows, _SAMPLE)
    images = split.images
    statistics: list[Statistics] = []
    for scaling in scalings:
        fitted = list(zip(scalings, statistics, strict=False))
        statistics.append(scaling.fit(_make_chunks(images, rows, fitted)))
    return Normalizer(scalings, statistics)


def restored(
    text: str, dtype: np.dtype[Any], values: Mapping[str, np.ndarray]
) -> Normalizer:
    """Builds the normalization of a spec from saved statistics, without images.

    Args:
        text: The spec, as in `build`.
        dtype: That of the training images.
        values: The values of `Normalizer.variables` by name.

    Raises:
        UsageError: The spec is wrong.
    """
    scalings = _effective(text, dtype)
    statistics: list[dict[str, np.ndarray]] = [{} for _ in scalings]
    for name, value in values.items():
        index, _, statistic = name.partition("/")
        statistics[int(index)][statistic] = value
    return Normalizer(scalings, statistics)


def _effective(text: str, dtype: np.dtype[Any]) -> list[Scaling]:
    """Returns the steps of a spec that change images of a type."""
    is_bytes = dtype == np.uint8
    unchanged = {"none", "raw" if is_bytes else "unit"}
    return [
        Symmetric(1.0) if name == "symmetric" and not is_bytes else scaling
        for name, scaling in parse(text)
        if name not in unchanged
    ]


def _build_scaling(call: spec.Call) -> Scaling:
    scaling: Scaling = spec.build(call, NORMALIZATIONS, "normalization")
    expected = "a framework.augment.normalize.Scaling"
    spec.require(call, isinstance(scaling, Scaling), expected)
    return scaling


def _make_chunks(
    images: np.ndarray, rows: np.ndarray, fitted: list[tuple[Scaling, Statistics]]
) -> Chunks:
    """Returns an iterator over images after the steps that are already fitted."""

    def chunks(limit: int = len(rows)) -> Iterator[np.ndarray]:
        indices = evenly_spaced(rows, limit)
        size = _CHUNK
        if images.dtype == np.uint8 and not fitted:
            # Sums of bytes are exact, whatever the chunks.
            size = min(max(_VALUES // images[0].size, 1), _CHUNK)
        for start in range(0, len(indices), size):
            pixels = images[indices[start : start + size]]
            if not fitted:
                yield pixels.astype(np.float32, copy=False)
                continue
            chunk = tf.cast(pixels, tf.float32)
            for scaling, statistics in fitted:
                tensors = {
                    name: tf.cast(value, tf.float32)
                    for name, value in statistics.items()
                }
                chunk = scaling.apply(chunk, tensors)
            yield chunk.numpy()

    return chunks


def _moments(chunks: Iterator[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean and variance of each channel, float64 [C]."""
    count, total, squares = 0, np.zeros(()), np.zeros(())
    for chunk in chunks:
        count += chunk[..., 0].size
        total, squares = (
            so_far + pixel_sums.reshape(chunk.shape[1:]).sum(axis=(0, 1))
            for so_far, pixel_sums in zip(
                (total, squares), _pixel_sums(chunk), strict=True
            )
        )
    mean = total / count
    return mean, np.maximum(squares / count - mean**2, 0.0)


def _pixel_sums(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the sums over images of each value and of its square, float64 [values].

    NumPy is a dozen times slower in sums over all axes but the last.

    Args:
        images: float32 [n, height, width, C].
    """
    rows = images.reshape(len(images), -1)
    # The float64 values of all columns would take twice the memory of the images. Each
    # column has the same sum in any block.
    width = max(_VALUES // len(rows) // 64, 1) * 64
    sums, squares = np.empty(rows.shape[1]), np.empty(rows.shape[1])
    for start in range(0, rows.shape[1], width):
        block = slice(start, start + width)
        values = rows[:, block].astype(np.float64)
        sums[block] = values.sum(axis=0)
        squares[block] = np.einsum("ij,ij->j", values, values)
    return sums, squares
