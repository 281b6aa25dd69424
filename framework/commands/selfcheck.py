"""Trains a model on one device and on several, and says which layer makes a difference.

    whyflat selfcheck --model='my_models:net'
    whyflat selfcheck --model=resnet --devices=4

All flags are those of a run; by default it takes 30 steps. A third run, on one device
from weights that are changed in their last bit, shows what rounding alone can do. The
exit code is 0 if the devices differ by no more than --tolerance or a few times that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import tensorflow as tf
from absl import flags

from framework import main as main_lib
from framework.config import Config
from framework.errors import RunError
from framework.launch import components, invariance
from framework.launch.components import Parts
from framework.numerics.draws import Draws, use_draws

_TOLERANCE = flags.DEFINE_float(
    "tolerance", 1e-5, "The largest difference allowed, relative to a tensor's largest."
)
# Sums of many numbers round more often than once.
_TIMES_ROUNDING = 30
# A layer whose inputs agree to rounding must not differ by more.
_LAYER_TOLERANCE = 1e-3

CONFIG = Config(
    devices=2,
    train_for="30",
    evaluate_every="100%",
    train_dev=0.0,
    workdir="runs/selfcheck",
)


def run(config: Config) -> None:
    """Trains three times, and compares.

    Raises:
        RunError: The weights differ.
    """
    # The CPU can be divided only before TensorFlow first computes.
    several, one, control = (
        components.build(
            dataclasses.replace(config, strategy=strategy), None, None, lambda *_: None
        )
        for strategy in ("mirrored", "default", "default")
    )
    for weight in control.state.weights:
        weight.assign(np.nextafter(weight.numpy(), np.float32(np.inf)))
    guilty = [
        f"{name} ({kind}): its outputs differ by {by:.2g}"
        for name, kind, by in compared(one, several)
        if by > _LAYER_TOLERANCE
    ]
    alone = invariance.train(one)
    found = invariance.difference(alone, invariance.train(several))
    rounding = invariance.difference(alone, invariance.train(control))
    said = (
        f"after {one.plan.total_steps} steps the weights of 1 device and of "
        f"{several.strategy.num_replicas_in_sync} differ by {found:.2g}; rounding "
        f"alone does {rounding:.2g}"
    )
    if guilty or found > max(_TOLERANCE.value, _TIMES_ROUNDING * rounding):
        causes = "; ".join(guilty) or "no layer by itself: look at losses and metrics"
        raise RunError(
            f"{said}. Not the same run; first to differ: {causes}. "
            f"framework.models.layers has Dropout and batch_norm that do not"
        )
    print(f"{said}: the same run")


def compared(one: Parts, several: Parts) -> list[tuple[str, str, float]]:
    """Returns how much the outputs of each layer differ in a first training step.

    Returns:
        The name of a layer, its class, and by how much its outputs differ, relative to
        their largest; up to the first layer that differs.
    """
    batch = one.examples.dataset.train.take(np.arange(one.objective.batch_size))
    batch = batch.in_memory(lambda done, total: None)
    whole, shared = (_outputs(made, batch.images) for made in (one, several))
    found = []
    for place, (layer, outputs) in enumerate(whole):
        other = shared[place][1]
        largest = max(float(np.abs(outputs).max()), 1e-12)
        by = float(np.abs(outputs - other).max()) / largest
        found.append((layer.name, type(layer).__name__, by))
        if by > _LAYER_TOLERANCE:
            break
    return found


def _outputs(made: Parts, images: np.ndarray) -> list[tuple[object, np.ndarray]]:
    """Returns each layer with its outputs for a batch, of all replicas together."""
    strategy, model = made.strategy, made.state.model
    layers = [
        layer
        for layer in model._flatten_layers(include_self=False, recursive=True)
        if layer.name != "input_layer" and not list(layer._layers)
    ]
    seen: dict[int, dict[int, np.ndarray]] = {index: {} for index in range(len(layers))}
    size = len(images) // strategy.num_replicas_in_sync

    def share() -> None:
        place = _replica()
        zero = tf.constant(0, tf.int64)
        start = tf.constant(place * size, tf.int64)
        with use_draws(Draws(0, zero, start, size)):
            mine = images[place * size : (place + 1) * size]
            model(made.objective.normalize(mine), training=True)

    before = [variable.value.numpy() for variable in model.variables]
    for index, layer in enumerate(layers):
        _watch(layer, seen[index])
    strategy.run(share)
    for layer in layers:
        vars(layer).pop("call", None)
    for variable, value in zip(model.variables, before, strict=True):
        variable.value.assign(value)
    return [
        (layer, np.concatenate([found[place] for place in sorted(found)]))
        for layer, found in zip(layers, seen.values(), strict=True)
        if found
    ]


def _replica() -> int:
    """Returns the number of the replica that asks."""
    found = tf.distribute.get_replica_context().replica_id_in_sync_group
    return int(found.numpy()) if tf.is_tensor(found) else int(found)


def _watch(layer: object, seen: dict[int, np.ndarray]) -> None:
    """Keeps what a layer returns, by replica."""
    call = type(layer).call

    def watched(*args, **kwargs):
        result = call(layer, *args, **kwargs)
        if tf.is_tensor(result):
            seen[_replica()] = tf.cast(result, tf.float32).numpy()
        return result

    vars(layer)["call"] = watched


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Does what the command line says, and exits."""
    main_lib.main(CONFIG, run, argv, __doc__)
