"""Outputs of the layers of any Keras model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from framework.diagnose.programs.model_layers import leaves, with_weights


@contextlib.contextmanager
def watched(model: keras.Model) -> Iterator[dict[str, np.ndarray]]:
    """Records the outputs of the innermost layers while the model is called eagerly.

    Yields:
        By the name of the layer, float32 [rows, ...] of its last call; in the order of
        the calls.
    """
    seen: dict[str, np.ndarray] = {}
    layers = leaves(model)
    for layer in layers:
        vars(layer)["call"] = _kept(layer, seen)
    try:
        yield seen
    finally:
        for layer in layers:
            vars(layer).pop("call", None)


def _kept(layer: keras.layers.Layer, seen: dict[str, np.ndarray]) -> Callable[..., Any]:
    call = layer.call

    def keep(*args: Any, **kwargs: Any) -> Any:
        result = call(*args, **kwargs)
        if tf.is_tensor(result):
            seen[layer.name] = tf.cast(result, tf.float32).numpy()
        return result

    return keep


# Images of one call, which has the activations of all layers in memory.
_BATCH = 64


class _HasSeen(BaseException):
    """Ends the call of a model: layers further on are not needed.

    Not an `Exception`: Keras describes these, with all inputs, at each layer.
    """


def first_inputs(model: keras.Model, images: np.ndarray) -> np.ndarray | None:
    """Returns the inputs of the first layer with a kernel: float32 [N, ...].

    Whatever prepares images within the model has been done: layers that are nested, or
    operations that are none. None if no such layer is called, or an embedding is.

    Args:
        model: Called in evaluation mode.
        images: As they are fed.
    """
    seen: list[np.ndarray] = []
    embeddings = [
        layer for layer in leaves(model) if isinstance(layer, keras.layers.Embedding)
    ]
    layers = [*with_weights(model), *embeddings]

    def watch(layer: keras.layers.Layer) -> Callable[..., Any]:
        def keep(inputs: Any, *args: Any, **kwargs: Any) -> Any:
            del args, kwargs
            if layer not in embeddings and tf.is_tensor(inputs):
                seen.append(tf.cast(inputs, tf.float32).numpy())
            raise _HasSeen

        return keep

    for layer in layers:
        vars(layer)["call"] = watch(layer)
    try:
        for start in range(0, len(images), _BATCH):
            with contextlib.suppress(_HasSeen):
                model(tf.constant(images[start : start + _BATCH]), training=False)
    finally:
        for layer in layers:
            vars(layer).pop("call", None)
    return np.concatenate(seen) if seen else None
