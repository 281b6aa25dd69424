"""Scaling of pixels before the network: one function for training, tests and export.

What a `--normalize` spec can name; parts are joined by "+", and each is fitted to what
the ones before it give. Formulas are those of Keras's `ImageDataGenerator`.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from framework.config import spec
from framework.data.dataset import LabelledImages, evenly_spaced
from framework.errors import UsageError
from framework.numerics.variables import state_variable

# So many images are looked at where all would take minutes: to read them from a disk,
# or to decompose the matrix that they make.
_SAMPLE = 10_000
_CHUNK = 1000
# Its matrix takes 64 MiB at so many values an image, and a minute or so to find.
_MOST_WHITENED = 4096

# Gives the training images, some at a time: float32 [n, height, width, C]. Or as many
# of them as it is told, evenly spaced.
Chunks = Callable[..., Iterator[np.ndarray]]


class Scaling(abc.ABC):
    """One part of a normalisation."""

    def fit(self, chunks: Chunks) -> dict[str, np.ndarray]:
        """Returns what it has to know of the training images, by name."""
        del chunks
        return {}

    @abc.abstractmethod
    def apply(self, images: tf.Tensor, known: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns scaled images.

        Args:
            images: float32 [B, height, width, C].
            known: What `fit` returned.
        """


class Rescale(Scaling):
    """Multiplies by a factor."""

    def __init__(self, factor: float):
        if abs(factor) > float(np.finfo(np.float32).max):
            raise UsageError(f"factor must fit into 32 bits, not {factor}")
        self._factor = factor

    def apply(self, images, known):
        """See base class."""
        return images * np.float32(self._factor)


class Standard(Scaling):
    """Brings each channel to mean 0 and standard deviation 1 over the training images.

    Args:
        center: Whether the mean is subtracted.
        scale: Whether it is divided by the standard deviation.
    """

    def __init__(self, center: bool = True, scale: bool = True):
        self._center = center
        self._scale = scale

    def fit(self, chunks):
        """See base class."""
        mean, variance = _moments(chunks())
        # A constant channel carries nothing, and must not be divided by 0.
        std = np.where(variance > 1e-12, np.sqrt(variance), 1.0)
        return {
            "mean": mean if self._center else np.zeros_like(mean),
            "scale": 1.0 / std if self._scale else np.ones_like(std),
        }

    def apply(self, images, known):
        """See base class."""
        # Row by row: where the last axis is as short as the channels are few,
        # TensorFlow takes four times as long to subtract along it.
        shape, width = tf.shape(images), images.shape[2]
        rows = tf.reshape(images, [-1, width * images.shape[3]])
        mean, scale = (tf.tile(known[name], [width]) for name in ("mean", "scale"))
        return tf.reshape((rows - mean) * scale, shape)


class Samplewise(Scaling):
    """Brings each image, all its channels together, to mean 0 and deviation 1.

    Args:
        center: Whether the mean is subtracted.
        scale: Whether it is divided by the standard deviation.
    """

    def __init__(self, center: bool = True, scale: bool = True):
        self._center = center
        self._scale = scale

    def apply(self, images, known):
        """See base class."""
        mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
        variance = tf.reduce_mean(
            tf.square(images - mean), axis=(1, 2, 3), keepdims=True
        )
        if self._center:
            images -= mean
        return images / (tf.sqrt(variance) + 1e-6) if self._scale else images


class Zca(Scaling):
    """Whitens: values of different pixels are no longer correlated, yet look the same.

    With X the centred images, [n, values] = U S V^T, it is V diag(sqrt(n) / (S +
    epsilon)) V^T. Directions in which the training images hardly vary are dropped;
    Keras blows them up. At most 10,000 images, evenly spaced, are looked at.

    Args:
        epsilon: Is added to the singular values; above 0.
    """

    def __init__(self, epsilon: float = 1e-6):
        if not epsilon > 0:
            raise UsageError(f"epsilon must be positive, not {epsilon}")
        self._epsilon = epsilon

    def fit(self, chunks):
        """See base class."""
        values = next(chunks())[0].size
        if values > _MOST_WHITENED:
            raise UsageError(
                f"zca is for images of at most {_MOST_WHITENED:,} values; these have "
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

    def apply(self, images, known):
        """See base class."""
        rows = tf.reshape(images - known["mean"], [-1, known["matrix"].shape[0]])
        return tf.reshape(rows @ known["matrix"], tf.shape(images))


def _unit() -> Scaling:
    """Scales bytes from 0 to 255 to 0 to 1, and leaves float images as they are."""
    return Rescale(1 / 255)


def _none() -> Scaling:
    """Leaves pixels as they are."""
    return Rescale(1.0)


NORMALIZATIONS: dict[str, Callable[..., Scaling]] = {
    "none": _none,
    "unit": _unit,
    "rescale": Rescale,
    "standard": Standard,
    "samplewise": Samplewise,
    "zca": Zca,
}


class Normalizer:
    """Scaling of pixels, the same wherever the model is asked.

    Make it inside the strategy's scope.

    Args:
        scalings: Its parts, one after the other.
        known: What each of them has to know of the training images.
    """

    def __init__(
        self, scalings: Sequence[Scaling], known: Sequence[dict[str, np.ndarray]]
    ):
        self._scalings = tuple(scalings)
        self._known = [
            {name: state_variable(value, tf.float32) for name, value in each.items()}
            for each in known
        ]

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """The statistics, by name: a restart uses those that a run began with."""
        return {
            f"{index}/{name}": variable
            for index, known in enumerate(self._known)
            for name, variable in known.items()
        }

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Returns float32 images of the same shape, [B, height, width, C]."""
        images = tf.cast(images, tf.float32)
        for scaling, known in zip(self._scalings, self._known, strict=True):
            images = scaling.apply(images, known)
        return images


def parse(text: str) -> list[tuple[str, Scaling]]:
    """Returns the parts that a spec names.

    Raises:
        UsageError: The spec is wrong; the place is marked.
    """
    return [(call.name, _scaling(call)) for call in spec.parts(text)]


def build(text: str, train: LabelledImages, rows: np.ndarray) -> Normalizer:
    """Returns the scaling of a spec, fitted to the training images.

    Args:
        text: Parts joined by "+". "unit" brings 0 to 255 to 0 to 1, and leaves float
            images as they are.
        train: The training split.
        rows: int [N], which of its images are trained on. All of them are looked at;
            but of images that are not in memory at most 10,000, evenly spaced.

    Raises:
        UsageError: The spec is wrong, or does not fit the images.
    """
    of_bytes = train.dtype == np.uint8
    scalings = [
        scaling
        for name, scaling in parse(text)
        if not (name == "none" or (name == "unit" and not of_bytes))
    ]
    if all(type(scaling).fit is Scaling.fit for scaling in scalings):
        return Normalizer(scalings, [{} for _ in scalings])
    split, rows = train.sample(rows, _SAMPLE)
    known: list[dict[str, np.ndarray]] = []
    for scaling in scalings:
        before = list(zip(scalings, known, strict=False))
        known.append(scaling.fit(_chunks(split.images, rows, before)))
    return Normalizer(scalings, known)


def _scaling(call: spec.Call) -> Scaling:
    scaling = spec.build(call, NORMALIZATIONS, "normalization")
    what = "a framework.augment.normalize.Scaling"
    spec.require(call, isinstance(scaling, Scaling), what)
    return scaling


def _chunks(
    images: np.ndarray,
    rows: np.ndarray,
    before: list[tuple[Scaling, dict[str, np.ndarray]]],
) -> Chunks:
    """Returns what gives images as the parts before leave them."""

    def chunks(most: int = len(rows)) -> Iterator[np.ndarray]:
        chosen = evenly_spaced(rows, most)
        for start in range(0, len(chosen), _CHUNK):
            chunk = tf.cast(images[chosen[start : start + _CHUNK]], tf.float32)
            for scaling, known in before:
                tensors = {name: tf.cast(known[name], tf.float32) for name in known}
                chunk = scaling.apply(chunk, tensors)
            yield chunk.numpy()

    return chunks


def _moments(chunks: Iterator[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and variance of each channel, float64 [C]."""
    count, total, squares = 0, 0.0, 0.0
    for chunk in chunks:
        count += chunk[..., 0].size
        # First over images alone: NumPy is a dozen times slower in sums that leave
        # only the last axis.
        values = chunk.reshape(len(chunk), -1).astype(np.float64)
        of_each = values.sum(axis=0), np.einsum("ij,ij->j", values, values)
        total, squares = (
            whole + some.reshape(chunk.shape[1:]).sum(axis=(0, 1))
            for whole, some in zip((total, squares), of_each, strict=True)
        )
    mean = total / count
    return mean, np.maximum(squares / count - mean**2, 0.0)
