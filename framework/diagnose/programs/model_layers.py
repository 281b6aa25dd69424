"""The innermost layers of a Keras model."""

from __future__ import annotations

import keras
import numpy as np

from framework.diagnose.core.architecture import Architecture, LayerView


def leaves(model: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns the innermost layers of a model, in order."""
    unique: dict[int, keras.layers.Layer] = {}
    for layer in model._layers:
        inner = leaves(layer) if list(layer._layers) else [layer]
        unique |= {id(each): each for each in inner}
    kinds = keras.layers.InputLayer
    return [layer for layer in unique.values() if not isinstance(layer, kinds)]


def with_weights(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers that have a kernel, in order."""
    return [layer for layer in leaves(model) if _kernel(layer) is not None]


def architecture(model: keras.Model) -> Architecture:
    """Returns a view of the layers of a model."""
    trained = {id(weight) for weight in model.trainable_weights}
    return Architecture(
        layers=tuple(_view(layer) for layer in leaves(model)),
        outermost=tuple(type(layer).__name__ for layer in getattr(model, "layers", ())),
        parameters=int(model.count_params()),
        fixed_kernels={
            weight.path: int(np.prod(weight.shape))
            for weight in model.weights
            # Statistics and the like are never trained.
            if id(weight) not in trained
            and weight.path.rpartition("/")[2] in ("kernel", "embeddings")
        },
    )


def _view(layer: keras.layers.Layer) -> LayerView:
    kind, kernel = type(layer).__name__, _kernel(layer)
    is_dropout = "ropout" in kind and hasattr(layer, "rate")
    return LayerView(
        name=layer.name,
        kind=kind,
        activation=getattr(getattr(layer, "activation", None), "__name__", ""),
        units=0 if kernel is None else int(kernel.shape[-1]),
        dropout_rate=float(layer.rate) if is_dropout else None,
    )


def _kernel(layer: keras.layers.Layer) -> keras.Variable | None:
    kernel = getattr(layer, "kernel", None)
    return kernel if isinstance(kernel, keras.Variable) else None
