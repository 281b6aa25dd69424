"""Features of images by a network of the user's own, in place of untrained ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from framework import compiled
from framework.augment import normalize
from framework.config import reference
from framework.errors import UsageError
from framework.models.keras_file import expected_pixels, load
from framework.system import paths

# Images of one call.
_BATCH = 64
_NO_CODE = "an embedding must have layers of Keras only"


class Embedding:
    """Features of images, each computed once.

    Example:
        >>> means = Embedding(lambda images: images.mean(axis=(1, 2)), "channel means")
        >>> means(np.ones((5, 8, 8, 3), np.float32)).shape
        (5, 3)

    Args:
        function: Returns features, [B, D], of at most 64 images, [B, ...].
        name: What messages and reports call it.

    Attributes:
        name: See above.
        size: The number of features, D; 0 before the first call.
    """

    def __init__(self, function: Callable[[np.ndarray], Any], name: str):
        self.name, self.size = name, 0
        self._function = function
        self._known: dict[bytes, np.ndarray] = {}

    def __str__(self) -> str:
        return f"{self.size:,} features of {self.name}"

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns the features of images: float32 [N, D].

        Raises:
            UsageError: The function fails, or does not return finite numbers [B, D].
        """
        keys = [_digest(image) for image in images]
        first = {key: row for row, key in enumerate(keys) if key not in self._known}
        rows = np.fromiter(first.values(), np.int64, len(first))
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            features = self._features(images[batch])
            self._known |= zip((keys[row] for row in batch), features, strict=True)
        if not keys:
            return np.zeros((0, self.size), np.float32)
        return np.stack([self._known[key] for key in keys])

    def check(self, images: np.ndarray) -> None:
        """Computes the features of two images, to find mistakes at the start.

        Raises:
            UsageError: See `__call__`.
        """
        self(images[:2])

    def _features(self, images: np.ndarray) -> np.ndarray:
        try:
            features = np.asarray(self._function(images))
        except Exception as problem:
            raise UsageError(
                f"the embedding {self.name} cannot take images of "
                f"{images.shape[1:]}: {reference.summary(problem)}"
            ) from problem
        if features.ndim != 2 or len(features) != len(images) or not features.size:
            raise UsageError(
                f"the embedding {self.name} must return features [B, D]: of "
                f"{len(images)} images, it returns {features.shape}"
            )
        if features.dtype.kind not in "fiu":
            raise UsageError(
                f"the embedding {self.name} must return numbers, not {features.dtype}"
            )
        if self.size and features.shape[1] != self.size:
            raise UsageError(
                f"the embedding {self.name} returns {features.shape[1]} features, and "
                f"{self.size} before"
            )
        features = features.astype(np.float32)
        if not np.isfinite(features).all():
            raise UsageError(
                f"the embedding {self.name} returns values that are not finite"
            )
        self.size = features.shape[1]
        return features


def _digest(image: np.ndarray) -> bytes:
    digest = hashlib.blake2b(f"{image.dtype.str}{image.shape}".encode(), digest_size=16)
    digest.update(image.tobytes())
    return digest.digest()


def of_flags(path: str, pixels: str) -> Embedding | None:
    """Loads what --embedding and --embedding_pixels name; None if no file is named.

    Raises:
        UsageError: See `of_file`; or only pixels are given.
    """
    if pixels and not path:
        raise UsageError(f"--embedding_pixels={pixels} needs --embedding=FILE.keras")
    return of_file(path, pixels) if path else None


def of_file(path: str, pixels: str = "") -> Embedding:
    """Loads the embedding in a .keras file; executes no code of the file.

    Images are resized to what it takes, and grey ones get three channels if it takes
    these.

    Args:
        path: The file: a network from images to features [B, D].
        pixels: The pixels that it takes: "raw" for 0 to 255, "unit" for 0 to 1, or
            "symmetric" for -1 to 1; "" if it begins with a scaling of its own.

    Raises:
        UsageError: It cannot be read, contains code, has another output, or does not
            say which pixels it takes.
    """
    file = Path(paths.expand(path, "--embedding"))
    if file.suffix != ".keras":
        raise UsageError(f"--embedding takes a .keras file, not {path!r}")
    if not file.is_file():
        raise UsageError(f"--embedding: there is no file {path!r}")
    try:
        own = expected_pixels(file)
        model = load(file, trust=False, advice=_NO_CODE)
    except UsageError as problem:
        raise UsageError(f"--embedding: {problem}") from None
    if own and pixels and own != pixels:
        raise UsageError(
            f"--embedding_pixels={pixels}, but {path} begins with a scaling that takes "
            f"{own} pixels: leave the flag out"
        )
    if not (own or pixels):
        raise UsageError(
            f"{path} does not begin with a Rescaling: say which pixels it was trained "
            f"on, --embedding_pixels=raw (0 to 255), unit (0 to 1) or symmetric (-1 "
            f"to 1)"
        )
    rank = len(model.outputs[0].shape)
    if rank != 2:
        raise UsageError(
            f"--embedding: {path} returns {model.outputs[0].shape}, not features "
            f"[B, D]; end it with GlobalAveragePooling2D"
        )
    return Embedding(_of_network(model, own or pixels), file.name)


def given(embedding: Any, images: np.ndarray) -> Embedding | None:
    """Returns the embedding that a user has given in Python; None for none.

    Args:
        embedding: A Keras model or a function of NumPy arrays, from images as they were
            given to features [B, D].
        images: Some that it must take.

    Raises:
        UsageError: It is none of these, or cannot take the images.
    """
    if embedding is None:
        return None
    if isinstance(embedding, keras.Model):
        own = Embedding(_of_network(embedding, ""), embedding.name)
    elif callable(embedding):
        name = getattr(embedding, "__name__", type(embedding).__name__)
        own = Embedding(embedding, name)
    else:
        raise UsageError(
            f"embedding must be a Keras model or a function from images to features "
            f"[B, D], not a {type(embedding).__name__}"
        )
    own.check(images)
    return own


def _of_network(model: keras.Model, pixels: str) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function of NumPy arrays that calls a network in evaluation mode.

    Args:
        model: The network.
        pixels: A `--normalize` spec of the pixels that it takes, to which images are
            scaled and fitted; "" to give them as they are.
    """
    predict = compiled.function(lambda images: model(images, training=False))

    def features(images: np.ndarray) -> np.ndarray:
        values: Any = images.astype(np.float32)
        if pixels:
            scaled = normalize.restored(pixels, images.dtype, {})(images)
            values = _fitted(scaled, model.inputs[0].shape)
        # Of one size, so that it is traced once.
        rows = np.resize(np.arange(len(images)), _BATCH)
        outputs = predict(tf.gather(values, rows))
        return np.asarray(outputs, np.float32)[: len(images)]

    return features


def _fitted(images: tf.Tensor, shape: tuple[int | None, ...]) -> tf.Tensor:
    """Returns images of the height, width and channels that a network takes.

    Args:
        images: float32 [B, height, width, C].
        shape: That of the network's input; None for any size.
    """
    if len(shape) != 4:
        return images
    if images.shape[-1] == 1 and shape[-1] == 3:
        images = tf.repeat(images, 3, axis=-1)
    actual = images.shape[1:3]
    size = [own or side for own, side in zip(shape[1:3], actual, strict=True)]
    if size == list(actual):
        return images
    return tf.image.resize(images, size, antialias=True)
