"""Tests of framework/loop/nonfinite.py, and of steps with such numbers."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.config import Config
from framework.data.batches import MemoryBatches
from framework.data.dataset import Dataset
from framework.data.split import Split
from framework.errors import RunError, Stopped
from framework.launch.run import run
from framework.loop.nonfinite import find
from framework.loop.objective import MicroBatch
from framework.loop.train_loop import TrainLoop
from framework.loop.train_step import Update
from framework.numerics.draws import Draws

BAD = 13


def rows(parts, count=8, value=0.0):
    """Returns examples; all pixels of the third image have the given value."""
    images = parts.split.images[:count].astype(np.float32)
    if value:
        images[2] = value
    draws = Draws(0, tf.constant(0, tf.int64), tf.constant(0, tf.int64), count)
    labels = tf.constant(parts.split.labels[:count])
    return MicroBatch(tf.constant(images), labels, tf.fill([count], 1 / count), draws)


class Root(keras.layers.Layer):
    """A layer whose output is finite where its gradient is not."""

    def call(self, inputs):
        return tf.sqrt(inputs * 0.0) + inputs


def rooted(image_shape, num_classes):
    inputs = keras.Input(image_shape)
    dense = keras.layers.Dense(num_classes, name="first")
    features = Root()(dense(keras.layers.Flatten()(inputs)))
    return keras.Model(inputs, keras.layers.Dense(num_classes, name="last")(features))


def test_names_the_layer_the_operation_and_the_examples(build):
    parts = build(model="mlp(units=(4, 4))")
    layers = parts.state.model.layers
    layer = next(each for each in layers if isinstance(each, keras.layers.Dense))
    actual = find(parts.state, parts.objective, rows(parts))
    assert not actual.what
    layer.kernel.assign(tf.fill(layer.kernel.shape, np.float32(1e35)))
    actual = find(parts.state, parts.objective, rows(parts, value=1e8))
    assert actual.what.startswith(f"the output of layer {layer.name} (Dense)")
    assert actual.what.endswith("(operation MatMul)")
    assert list(np.flatnonzero(actual.examples)) == [2]
    # The layers are restored afterwards.
    assert "call" not in vars(layer)


@pytest.mark.parametrize("augmentation", ["", "flip", "flip + mixup"])
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_names_the_example_that_was_bad_from_the_start(build, value, augmentation):
    parts = build(augmentation=augmentation)
    actual = find(parts.state, parts.objective, rows(parts, value=value))
    assert actual.what.startswith("the images of the data set")
    assert list(np.flatnonzero(actual.examples)) == [2]


def test_names_the_gradient_where_the_loss_is_finite(build):
    parts = build(model=rooted)
    actual = find(parts.state, parts.objective, rows(parts))
    assert actual.what.startswith("the gradient of first/")
    assert "(operation " in actual.what


def poisoned(split, strategy):
    """Returns batches of a split with an infinite image."""
    images = split.images.astype(np.float32)
    images[BAD] = np.inf
    return MemoryBatches(Split(images, split.labels), strategy)


def values(parts):
    return {name: v.numpy() for name, v in parts.state.variables().items()}


@pytest.mark.parametrize(
    ("replicas", "jit"),
    [
        (1, False),
        pytest.param(2, False, marks=pytest.mark.extended),
        # XLA compiles for one device only.
        pytest.param(1, True, marks=pytest.mark.extended),
    ],
)
def test_a_skipped_step_changes_nothing(build, normalized, replicas, jit, request):
    strategy = request.getfixturevalue("mirrored") if replicas == 2 else None
    options = {"model": normalized, "optimizer": "adam", "jit": jit}
    update = Update(ema_decay=0.9, skip=True)
    parts = build(strategy, **options, update=update, batches=poisoned)
    (step,) = (step for step in range(2) if BAD in parts.feed.indices(step))
    for other in range(step):
        parts.loop(other, 1)
    before = values(parts)
    parts.loop(step, 1)
    after = values(parts)
    changed = {name for name in after if not np.array_equal(after[name], before[name])}
    # The learning rate is set before each step.
    assert changed <= {"nonfinite/skipped", "nonfinite/in_a_row", "optimizer/1"}
    assert after["nonfinite/skipped"] == after["nonfinite/in_a_row"] == 1
    assert parts.loop.is_finite()
    parts.loop(step + 1, 1)
    assert values(parts)["nonfinite/in_a_row"] == 0
    assert not np.array_equal(values(parts)["model/0"], before["model/0"])


@pytest.mark.extended
def test_where_all_is_finite_nothing_is_skipped(build, normalized):
    options = {"model": normalized, "optimizer": "adam"}
    plain, careful = (
        build(**options, update=Update(ema_decay=0.9, skip=skip))
        for skip in (False, True)
    )
    for parts in (plain, careful):
        parts.loop(0, 3)
    expected = values(plain)
    for name, value in values(careful).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


@pytest.mark.parametrize("what", ["window", "weight", "statistics"])
def test_numbers_that_are_not_finite_are_seen(build, normalized, what):
    parts = build(model=normalized)
    parts.loop(0, 1)
    assert parts.loop.is_finite()
    variables = {
        "window": parts.state.window["loss"],
        "weight": parts.state.weights[-1],
        "statistics": parts.state.model.non_trainable_variables[0].value,
    }
    variables[what].assign(variables[what] * np.nan)
    assert not parts.loop.is_finite()


SMALL = Config(
    model="mlp(units=(8,))",
    normalize="none",
    optimizer="sgd",
    learning_rate=1e-3,
    batch_size=8,
    train_dev=0.0,
    train_for="6ep",
    log_every="3",
    checkpoint_every="5",
    schedule="plateau('validation/loss', patience=1)",
)


@pytest.fixture
def huge():
    """A data set with a training image that is far too bright."""
    generator = np.random.default_rng(0)
    labels = np.arange(64, dtype=np.int32) % 2
    images = generator.normal(labels[:, None, None, None], 0.5, (64, 4, 4, 1))
    good = Split(images.astype(np.float32), labels)
    bad = good.take(np.arange(64))
    bad.images[BAD] = 3e38
    return Dataset("huge", bad, good, ("low", "high"))


def go(tmp_path, dataset, name="run", **changes):
    config = dataclasses.replace(SMALL, workdir=str(tmp_path / name), **changes)
    return run(config, dataset=dataset)


def test_a_run_that_stops_says_where_it_began(tmp_path, huge):
    with pytest.raises(RunError, match="numbers are no longer finite") as raised:
        go(tmp_path, huge, log_every="48", checkpoint_every="48")
    message = str(raised.value)
    (path,) = (tmp_path / "run").glob("nonfinite-step-*.npz")
    with np.load(path) as batch:
        step, indices = int(batch["step"]), batch["indices"]
        np.testing.assert_array_equal(batch["images"], huge.train.images[indices])
        np.testing.assert_array_equal(batch["labels"], huge.train.labels[indices])
    assert f"in step {step} " in message
    assert str(path) in message
    assert f"examples {BAD} of the training split" in message
    assert "layer dense" in message
    assert "\n" not in message


@pytest.mark.extended
def test_a_run_whose_update_was_too_large_says_so(tmp_path, huge):
    with pytest.raises(RunError, match=r"in step 5 .*: the weights after the optim"):
        go(
            tmp_path,
            dataclasses.replace(huge, train=huge.validation),
            learning_rate=100.0,
            schedule="constant(4, 1e-5) + constant(1, 3e38) + constant(factor=1e-5)",
        )


@pytest.mark.extended
def test_a_run_that_skips_goes_on_without_those_batches(tmp_path, huge):
    result = go(tmp_path, huge, on_nonfinite="skip")
    assert np.isfinite(result.history["train/loss"]).all()
    path = max((tmp_path / "run" / "checkpoints").glob("*.npz"))
    with np.load(path) as saved:
        assert saved["nonfinite/skipped"] == 6
        assert all(np.isfinite(saved[n]).all() for n in saved if n.startswith("model/"))


@pytest.mark.extended
@pytest.mark.parametrize("policy", ["skip", "rollback"])
def test_what_is_done_about_it_is_the_same_after_a_restart(
    tmp_path, huge, monkeypatch, policy
):
    uninterrupted = go(tmp_path, huge, "uninterrupted", on_nonfinite=policy)
    is_finite, calls = TrainLoop.is_finite, []

    def interrupted(self):
        calls.append(1)
        if len(calls) in (4, 18):
            raise Stopped
        return is_finite(self)

    monkeypatch.setattr(TrainLoop, "is_finite", interrupted)
    while True:
        try:
            result = go(tmp_path, huge, on_nonfinite=policy)
            break
        except Stopped:
            continue
    assert repr(result.history.rows) == repr(uninterrupted.history.rows)
    for one, other in zip(
        result.model.weights, uninterrupted.model.weights, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
        assert np.isfinite(one.numpy()).all()
