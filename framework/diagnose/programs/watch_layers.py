"""Outputs of the layers of any Keras model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from framework.diagnose.programs.model_edits import leaves


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
