"""The means and variances that batch normalization takes of one shard of the batch.

Inside a loop over shards a layer cannot update its moving averages: the devices would
have to communicate there. It hands out its moments instead, and updates the averages
once, from the mean of the moments over all shards.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import keras
import tensorflow as tf

from framework.errors import UsageError


class Averaging(Protocol):
    """A layer with moving averages of moments, such as `models.layers.BatchNorm`."""

    name: str

    def update_averages(
        self, mean: tf.Tensor, variance: tf.Tensor, step: tf.Tensor
    ) -> None:
        """Updates the moving averages in a replica's context."""


# Layers with the mean and the variance that they have taken.
Taken = list[tuple[Averaging, "tf.Tensor", "tf.Tensor"]]

_TAKEN: contextvars.ContextVar[Taken | None] = contextvars.ContextVar(
    "taken", default=None
)


@contextlib.contextmanager
def of_shard(is_shard: bool) -> Iterator[Taken]:
    """Collects the moments of layers that are called inside the block.

    Args:
        is_shard: Whether the examples are a shard of the batch; if not, layers update
            their moving averages themselves.

    Yields:
        The moments in the order of the calls; filled inside the block.
    """
    taken: Taken = []
    token = _TAKEN.set(taken if is_shard else None)
    try:
        yield taken
    finally:
        _TAKEN.reset(token)


def taken() -> Taken | None:
    """Returns the list to add moments to; None outside of shards."""
    return _TAKEN.get()


def named(model: keras.Model, taken: Taken) -> dict[str, tf.Tensor]:
    """Returns moments by names, which sums over shards keep.

    Args:
        model: The model that was called.
        taken: From `of_shard`.

    Raises:
        UsageError: A layer was called twice, for which there is no one mean.
    """
    names = {id(layer): name for name, layer in _layers(model).items()}
    tensors: dict[str, tf.Tensor] = {}
    for layer, mean, variance in taken:
        name = names[id(layer)]
        if f"{name}/mean" in tensors:
            raise UsageError(
                f"--shards: the model calls batch normalization {layer.name} twice; "
                f"use a layer for each call"
            )
        tensors |= {f"{name}/mean": mean, f"{name}/variance": variance}
    return tensors


def update_averages(
    model: keras.Model, sums: Mapping[str, tf.Tensor], shards: int, step: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Updates moving averages from the moments among sums over all shards.

    Args:
        model: The model.
        sums: With the sums of what `named` has returned.
        shards: The number of shards of the batch, a power of two.
        step: int64 scalar, the 0-based index of the update.

    Returns:
        The other sums.
    """
    layers = _layers(model)
    for name, layer in layers.items():
        if f"{name}/mean" in sums:
            mean, variance = (sums[f"{name}/{key}"] for key in ("mean", "variance"))
            layer.update_averages(mean / shards, variance / shards, step)
    moments = {f"{name}/{key}" for name in layers for key in ("mean", "variance")}
    return {name: value for name, value in sums.items() if name not in moments}


def _layers(model: keras.Model) -> dict[str, Averaging]:
    """Returns the layers that take moments, by names of their position."""
    layers: Sequence[Averaging] = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if hasattr(layer, "update_averages")
    ]
    return {f"moments/{index}": layer for index, layer in enumerate(layers)}
