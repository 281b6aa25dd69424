"""Re-estimates the moving statistics of the batch norms of a Keras model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import keras
import numpy as np

from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs.model_layers import leaves

# Moving statistics are taken anew from this many batches; earlier values count
# .7 ** 20 = .0008 then.
_NORM_BATCHES, _NORM_BATCH, _SHORT_MEMORY = 20, 128, 0.7


def reestimate(
    model: keras.Model, images: np.ndarray, call: Callable[[np.ndarray], None]
) -> None:
    """Replaces the moving statistics by those of images, in place.

    Args:
        model: With batch norms.
        images: To estimate from.
        call: Calls the model on some of the images in training mode.

    Raises:
        NotApplicableError: There is no batch norm.
    """
    with _short_memory(_batch_norms(model)):
        for batch in _batches(images):
            call(batch)


def _batch_norms(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the batch norms of a model.

    Raises:
        NotApplicableError: There are none.
    """
    norms = [
        layer
        for layer in leaves(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    if not norms:
        raise NotApplicableError("there is no batch norm")
    return norms


@contextlib.contextmanager
def _short_memory(norms: list[keras.layers.Layer]) -> Iterator[None]:
    """Reduces the momentum of moving statistics inside the block."""
    before = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = _SHORT_MEMORY
    try:
        yield
    finally:
        for layer, value in zip(norms, before, strict=True):
            layer.momentum = value


def _batches(images: np.ndarray) -> list[np.ndarray]:
    """Returns images in enough batches to replace moving statistics."""
    size = max(min(_NORM_BATCH, len(images) // _NORM_BATCHES), 2)
    whole = [images[start : start + size] for start in range(0, len(images), size)]
    return [batch for batch in whole if len(batch) == size][:_NORM_BATCHES]
