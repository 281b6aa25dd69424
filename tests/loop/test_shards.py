"""Tests of framework/loop/shards.py, and of the loop with shards."""

import numpy as np
import pytest
import tensorflow as tf

from framework.loop import shards as shards_lib
from framework.loop.evaluator import Evaluator
from framework.loop.replica_batch import ReplicaBatch
from framework.loop.train_loop import TrainLoop
from framework.loop.train_step import Update
from framework.models import layers


def tree(values):
    """Returns the sum of float32 values by a binary tree."""
    values = list(values)
    while len(values) > 1:
        values = [a + b for a, b in zip(values[0::2], values[1::2], strict=True)]
    return values[0]


@pytest.mark.parametrize("count", [1, 2, 8, 16])
@pytest.mark.parametrize("compiled", [False, True])
def test_sums_by_a_binary_tree(count, compiled):
    generator = np.random.default_rng(count)
    scale = 10.0 ** generator.integers(-4, 5, (count, 50))
    numbers = (generator.normal(size=(count, 50)) * scale).astype(np.float32)
    assert count < 4 or np.any(tree(numbers) != sum(numbers))

    def total():
        def values(index):
            return {"numbers": tf.constant(numbers)[index], "one": tf.ones([], "int32")}

        root, structure = shards_lib._local_sum(values, count)
        return shards_lib._unpacked(shards_lib._sum_over_replicas(root), structure)

    actual = (tf.function(total) if compiled else total)()
    assert actual["numbers"].numpy().tobytes() == tree(numbers).tobytes()
    assert int(actual["one"]) == count
    assert actual["one"].dtype == tf.int32


def sharded(parts, count, jit=False):
    """Returns a training loop of shards."""
    object.__setattr__(parts.objective, "is_sharded", True)
    return TrainLoop(
        parts.state, parts.objective, parts.update, parts.feed, 0, jit, count
    )


def trained(build, count, strategy=None, **options):
    """Trains 5 steps, the last one measured; returns all variables and statistics."""
    parts = build(strategy, **options)
    loop = sharded(parts, count)
    loop(0, 3)
    loop(3, 1)
    statistics = loop.measured_step(4)
    window = loop.take_window()
    variables = parts.state.variables()
    values = {name: value.numpy() for name, value in variables.items()}
    return values, {**statistics, **window}


def net(image_shape, num_classes):
    """Builds a net with all that shares a batch among its examples."""
    import keras

    inputs = keras.Input(image_shape)
    features = keras.layers.Conv2D(4, 3, use_bias=False)(inputs)
    features = keras.layers.ReLU()(layers.batch_norm(momentum=0.9)(features))
    features = keras.layers.Flatten()(features)
    features = layers.Dropout(0.3)(keras.layers.Dense(5)(features))
    features = layers.batch_norm()(features)
    return keras.Model(inputs, keras.layers.Dense(num_classes)(features))


OPTIONS = {
    "plain": {"optimizer": "sgd(momentum=.9)"},
    "all": {
        "model": net,
        "optimizer": "adam",
        "augmentation": "rotate(20) + mixup(.4)",
        "update": Update(clip_norm=0.5, ema_decay=0.9, skip=True),
        "loss_scale": True,
        "weights": True,
    },
}


@pytest.mark.parametrize(
    "name", ["plain", pytest.param("all", marks=pytest.mark.extended)]
)
def test_two_devices_give_the_bits_of_one(build, mirrored, name):
    one, of_one = trained(build, 4, **OPTIONS[name])
    two, of_two = trained(build, 4, mirrored, **OPTIONS[name])
    different = [key for key in one if one[key].tobytes() != two[key].tobytes()]
    assert different == []
    assert of_one == of_two
    assert of_one["loss"] > 0


def test_shards_train_as_a_whole_batch(build):
    options = {"optimizer": "sgd(momentum=.9)", "loss_scale": True}
    parts = build(**options)
    parts.loop(0, 3)
    parts.loop(3, 2)
    actual, statistics = trained(build, 2, **options)
    for name, value in parts.state.variables().items():
        if name.startswith("model"):
            np.testing.assert_allclose(actual[name], value, rtol=1e-4, atol=1e-6)
    expected = parts.loop.take_window()
    assert statistics["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    assert statistics["accuracy"] == expected["accuracy"]


def test_each_shard_is_normalized_by_its_own_moments(build, normalized):
    parts = build(model=normalized)
    norm = next(each for each in parts.state.model.layers if "batch" in each.name)
    inputs = parts.objective.normalize(parts.split.images[parts.feed.indices(0)])
    features = parts.state.model.layers[1](inputs).numpy()
    halves = features.reshape(2, -1, features.shape[-1])
    sharded(parts, 2)(0, 1)
    # The moving averages are those of the first step.
    for average, expected in (
        (norm.moving_mean, halves.mean(1).mean(0)),
        (norm.moving_variance, halves.var(1).mean(0)),
    ):
        np.testing.assert_allclose(average.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_a_step_of_infinite_numbers_is_skipped(build):
    parts = build(update=Update(skip=True))
    weight = parts.state.weights[-1]
    weight.assign(tf.fill(weight.shape, np.float32(np.nan)))
    sharded(parts, 4)(0, 1)
    assert int(parts.state.nonfinite["skipped"].numpy()) == 1


def test_evaluates_shards_of_one_size_on_any_number_of_devices(build, mirrored):
    outputs = []
    for strategy in (None, mirrored):
        parts = build(strategy)
        source = parts.feed.batches
        evaluator = Evaluator(parts.state, parts.objective, source, 8, 3, shards=4)
        outputs.append(evaluator(np.arange(20)))
        one_by_one = parts.evaluator(np.arange(20))
    for name in ("labels", "predicted", "rank", "confidence", "losses", "logits"):
        one, two = (getattr(each, name) for each in outputs)
        assert one.tobytes() == two.tobytes()
    np.testing.assert_array_equal(outputs[0].predicted, one_by_one.predicted)
    np.testing.assert_allclose(outputs[0].losses, one_by_one.losses, rtol=1e-5)


def test_shards_follow_one_another_in_the_batch():
    images = tf.reshape(tf.range(8), [8, 1, 1, 1])
    zero = tf.constant(0, tf.int64)
    batch = ReplicaBatch(images, tf.range(8), None, 0, zero, tf.constant(5))
    shards = batch.shards(4)
    third = shards.at(tf.constant(2))
    assert third.labels.numpy().tolist() == [4, 5]
    assert third.example_weights.numpy().tolist() == [np.float32(0.2), 0.0]
    assert int(third.draws.start) == 4
    assert (shards.local, shards.total, shards.size) == (4, 4, 8)


@pytest.mark.extended
def test_xla_computes_shards(build, normalized):
    losses = []
    for jit in (False, True):
        parts = build(model=normalized)
        loop = sharded(parts, 2, jit)
        loop(0, 2)
        losses.append(loop.take_window()["loss"])
        norm = next(each for each in parts.state.model.layers if "batch" in each.name)
        assert float(norm.updates.numpy()) == 2
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.extended
def test_frozen_batch_norm_keeps_its_averages(build, normalized):
    parts = build(model=normalized)
    norm = next(each for each in parts.state.model.layers if "batch" in each.name)
    norm.frozen_until = 2
    loop = sharded(parts, 2)
    loop(0, 2)
    assert float(norm.updates.numpy()) == 0
    assert not norm.moving_mean.numpy().any()
    loop(2, 1)
    assert float(norm.updates.numpy()) == 1
    assert norm.moving_mean.numpy().any()
