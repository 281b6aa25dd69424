"""Trains a model on one device and on several, and names layers whose outputs differ.

    whyflat selfcheck --model='my_models:net'
    whyflat selfcheck --model=resnet --devices=4

All flags are those of a run; by default it takes 30 steps. A third run, on one device
from weights changed in their last bit, measures the effect of rounding. The exit code
is 0 if the weights differ by at most --tolerance, or 30 times the effect of rounding.

    whyflat selfcheck --model='my_models:net' --devices=4 --shards=4

tells rounding from errors exactly: with shards all sums are added in one order, so that
the exit code is 0 only if all variables have the same bits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NoReturn

import keras
import numpy as np
import tensorflow as tf
from absl import flags

from framework import main as main_lib
from framework.config import Config
from framework.errors import RunError
from framework.launch import components, invariance
from framework.launch.components import Components
from framework.numerics.draws import Draws, use_draws

_TOLERANCE = flags.DEFINE_float(
    "tolerance",
    1e-5,
    "Maximum difference of the weights, relative to the largest of each tensor, such "
    "as 1e-4.",
)
# A permitted multiple of the effect of rounding: sums of many numbers round repeatedly.
_TIMES_ROUNDING = 30
# The maximum relative difference of a layer's outputs, if its inputs agree to rounding.
_LAYER_TOLERANCE = 1e-3

CONFIG = Config(
    devices=2,
    train_for="30",
    evaluate_every="100%",
    train_dev=0.0,
    workdir="runs/selfcheck",
)


def run(config: Config) -> None:
    """Trains three times, or with shards twice, and compares the weights.

    Raises:
        RunError: The weights differ by more than the tolerance, or with shards at all.
    """
    if config.shards:
        _compare_bits(config)
        return
    # The CPU can be divided only before TensorFlow first computes.
    several, one, control = _built(config, ("mirrored", "default", "default"))
    for weight in control.state.weights:
        weight.assign(np.nextafter(weight.numpy(), np.float32(np.inf)))
    different_layers = _different_layers(one, several)
    weights = invariance.train(one)
    difference = invariance.difference(weights, invariance.train(several))
    rounding = invariance.difference(weights, invariance.train(control))
    result = (
        f"after {one.plan.total_steps} steps the weights of 1 device and of "
        f"{several.strategy.num_replicas_in_sync} differ by {difference:.2g}; the "
        f"effect of rounding is {rounding:.2g}"
    )
    limit = max(_TOLERANCE.value, _TIMES_ROUNDING * rounding)
    if different_layers or difference > limit:
        causes = "; ".join(different_layers) or "losses or metrics, in no layer"
        raise RunError(
            f"{result}. The runs differ, first in {causes}. Use Dropout and batch_norm "
            f"of framework.models.layers, which agree on all devices"
        )
    print(f"{result}: the same run")


def _built(config: Config, strategies: Sequence[str]) -> list[Components]:
    """Returns the components of a run for each strategy."""
    built = []
    for strategy in strategies:
        devices = config.devices if strategy == "mirrored" else 0
        own = dataclasses.replace(config, strategy=strategy, devices=devices)
        built.append(components.build(own, None, None, lambda *_: None))
    return built


def _compare_bits(config: Config) -> None:
    """Trains on one device and on several with shards, and compares all bits.

    Raises:
        RunError: A variable differs.
    """
    several, one = _built(config, ("mirrored", "default"))
    different_layers = _different_layers(one, several)
    replicas = several.strategy.num_replicas_in_sync
    expected, actual = invariance.train(one), invariance.train(several)
    different = invariance.different(expected, actual)
    result = (
        f"after {one.plan.total_steps} steps of {config.shards} shards, "
        f"{len(different)} of {len(expected)} variables of 1 device and of {replicas} "
        f"differ"
    )
    if not different:
        print(
            f"{result}: what differs between devices without --shards is rounding, and "
            f"the moments of batch normalization"
        )
        return
    difference = invariance.difference(expected, actual)
    causes = "; ".join(different_layers) or "a layer, loss or metric of your own"
    raise RunError(
        f"{result}, by {difference:.2g} of the largest weight. This is no rounding, "
        f"but an error of {causes}: its numbers depend on what a device computes "
        f"beside the shard, or on state that changes from shard to shard"
    )


def _different_layers(one: Components, several: Components) -> list[str]:
    return [
        f"{name} ({kind}): its outputs differ by {difference:.2g}"
        for name, kind, difference in layer_differences(one, several)
        if difference > _LAYER_TOLERANCE
    ]


def layer_differences(
    one: Components, several: Components
) -> list[tuple[str, str, float]]:
    """Compares the outputs of each layer in the first training step.

    Args:
        one: Components on one device.
        several: The same components on several devices.

    Returns:
        For each layer its name, its class, and the largest difference of its outputs,
        relative to their largest absolute value; up to the first layer that differs.
    """
    indices = np.arange(one.objective.batch_size)
    train = one.examples.dataset.train
    batch = train.take(indices).in_memory(lambda done, total: None)
    whole, divided = (_outputs(built, batch.images) for built in (one, several))
    differences = []
    for (layer, outputs), (_, other) in zip(whole, divided, strict=False):
        largest = max(float(np.abs(outputs).max()), 1e-12)
        difference = float(np.abs(outputs - other).max()) / largest
        differences.append((layer.name, type(layer).__name__, difference))
        if difference > _LAYER_TOLERANCE:
            break
    return differences


def _outputs(
    built: Components, images: np.ndarray
) -> list[tuple[keras.layers.Layer, np.ndarray]]:
    """Returns each layer with its outputs for a batch, from all replicas."""
    strategy, model = built.strategy, built.state.model
    layers = [
        layer
        for layer in model._flatten_layers(include_self=False, recursive=True)
        if layer.name != "input_layer" and not list(layer._layers)
    ]
    # The outputs of each layer by replica.
    outputs: list[dict[int, np.ndarray]] = [{} for _ in layers]
    size = len(images) // strategy.num_replicas_in_sync

    def forward_pass() -> None:
        replica = _replica()
        zero = tf.constant(0, tf.int64)
        start = tf.constant(replica * size, tf.int64)
        with use_draws(Draws(0, zero, start, size)):
            local = images[replica * size : (replica + 1) * size]
            model(built.objective.normalize(local), training=True)

    before = [variable.value.numpy() for variable in model.variables]
    for layer, by_replica in zip(layers, outputs, strict=True):
        _record_outputs(layer, by_replica)
    strategy.run(forward_pass)
    for layer in layers:
        vars(layer).pop("call", None)
    for variable, value in zip(model.variables, before, strict=True):
        variable.value.assign(value)
    return [
        (layer, np.concatenate([by_replica[index] for index in sorted(by_replica)]))
        for layer, by_replica in zip(layers, outputs, strict=True)
        if by_replica
    ]


def _replica() -> int:
    """Returns the index of the calling replica."""
    index = tf.distribute.get_replica_context().replica_id_in_sync_group
    return int(index.numpy()) if tf.is_tensor(index) else int(index)


def _record_outputs(layer: keras.layers.Layer, outputs: dict[int, np.ndarray]) -> None:
    """Makes a layer store its outputs by replica."""
    call = type(layer).call

    def recording_call(*args: object, **kwargs: object) -> object:
        result = call(layer, *args, **kwargs)
        if tf.is_tensor(result):
            outputs[_replica()] = tf.cast(result, tf.float32).numpy()
        return result

    vars(layer)["call"] = recording_call


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    main_lib.main(CONFIG, run, argv, __doc__)
