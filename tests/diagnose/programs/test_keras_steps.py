"""Tests of framework/diagnose/programs/keras_steps.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.data.split import Split
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_loop import KerasLoop
from framework.diagnose.programs.keras_state import KerasState
from framework.diagnose.programs.keras_steps import KerasSteps, loss_of

L = keras.layers
_N = 60
Y = (np.arange(_N) % 3).astype(np.int64)
X = np.random.default_rng(0).normal(size=(_N, 4, 4, 1)).astype(np.float32)
X += Y[:, None, None, None]
BATCH = Split(X[:20], Y[:20].astype(np.int32))


def plain():
    """Without dropout, so that steps can be compared."""
    return keras.Sequential(
        [keras.Input((4, 4, 1)), L.Flatten(), L.Dense(8, "relu"), L.Dense(3)]
    )


def compiled(model, optimizer=None):
    keras.utils.set_random_seed(0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = optimizer or keras.optimizers.SGD(0.05, momentum=0.9)
    model.compile(optimizer, loss, jit_compile=False)
    return model


def made(model):
    source = Source((X, Y), 20, shuffle=False)
    return KerasSteps(model, source, KerasState(model, source), KerasLoop(model))


def test_steps_are_those_of_the_training():
    model = compiled(plain())
    before = np.concatenate([weight.numpy().ravel() for weight in model.weights])
    records = made(model).records(3, at_initialization=True)
    wanted = model.evaluate(X[:20], Y[:20], verbose=0)
    assert records[0].loss_before == pytest.approx(wanted, rel=1e-4)
    assert records[0].loss_before > records[0].loss_after
    model.fit(X[:20], Y[:20], batch_size=20, shuffle=False, verbose=0)
    after = np.concatenate([weight.numpy().ravel() for weight in model.weights])
    ratio = np.linalg.norm(after - before) / np.linalg.norm(before)
    assert records[0].relative_length == pytest.approx(ratio, rel=1e-3)
    # There are three batches in an epoch.
    assert len(made(model).records(5, at_initialization=False)) == 5


def test_gradients_are_those_of_the_loss():
    model = compiled(plain())
    gradients = made(model).gradients(BATCH, at_initialization=True)
    assert set(gradients) == {weight.path for weight in model.trainable_weights}
    features = model.layers[1](BATCH.images.reshape(20, -1)).numpy()
    logits = model(BATCH.images).numpy()
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wanted = features.T @ (chances - np.eye(3)[BATCH.labels]) / len(BATCH)
    kernel = model.layers[-1].kernel.path
    np.testing.assert_allclose(gradients[kernel], wanted, atol=1e-5)


def test_a_loss_that_does_not_take_the_outputs_is_not_applicable():
    model = compiled(plain())
    loss = loss_of(model, tf.constant(Y[:4]), tf.zeros((4, 3)))
    assert loss == pytest.approx(np.log(3), rel=1e-4)
    with pytest.raises(NotApplicableError, match="no loss to compute"):
        loss_of(model, tf.constant(Y[:4]), tf.zeros((5, 3)))


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_a_weight_that_nothing_depends_on_has_no_gradient():
    class Cut(keras.layers.Layer):
        def call(self, x):
            return tf.stop_gradient(x)

    layers = [keras.Input((4, 4, 1)), L.Flatten(), L.Dense(5), Cut(), L.Dense(3)]
    model = keras.Sequential(layers)
    gradients = made(compiled(model)).gradients(BATCH, at_initialization=True)
    none = [path for path, gradient in gradients.items() if gradient is None]
    assert none == [weight.path for weight in model.weights[:2]]


def test_a_plain_step_applies_the_gradient():
    steps = made(compiled(plain()))
    gradients = steps.gradients(BATCH, at_initialization=True)
    for name, applied in steps.update_vectors(BATCH).items():
        np.testing.assert_allclose(applied, gradients[name], rtol=1e-3, atol=1e-5)


def test_what_a_step_of_ones_own_applies_is_seen():
    model = compiled(plain())

    def train_step(data):
        x, y = data
        weights = model.trainable_variables
        with tf.GradientTape() as tape:
            loss = 4.0 * model.compute_loss(x=x, y=y, y_pred=model(x, training=True))
        pairs = zip(tape.gradient(loss, weights)[2:], weights[2:], strict=True)
        model.optimizer.apply_gradients(pairs)
        return {"loss": loss}

    model.train_step = train_step
    steps = made(model)
    gradients = steps.gradients(BATCH, at_initialization=True)
    applied = list(steps.update_vectors(BATCH).values())
    assert not applied[0].any()
    wanted = 4 * list(gradients.values())[2]
    np.testing.assert_allclose(applied[2], wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.1, momentum=0.9),
        lambda: keras.optimizers.Adam(0.01),
        lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=3),
    ],
)
def test_a_slower_rate_moves_less(optimizer):
    steps = made(compiled(plain(), optimizer()))
    ratio = steps.update_norm(BATCH, 0.1) / steps.update_norm(BATCH, 1.0)
    assert ratio == pytest.approx(0.1, rel=0.05)


def test_a_schedule_cannot_be_moved():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    steps = made(compiled(plain(), keras.optimizers.SGD(schedule)))
    with pytest.raises(NotApplicableError):
        steps.update_norm(BATCH, 0.1)


def test_a_rate_that_is_frozen_into_the_graph_moves_as_far():
    model = compiled(plain())

    def train_step(data):
        x, y = data
        weights = model.trainable_variables
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x=x, y=y, y_pred=model(x, training=True))
        for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
            weight.assign_sub(0.05 * gradient)
        return {"loss": loss}

    model.train_step = train_step
    steps = made(model)
    assert steps.update_norm(BATCH, 0.1) == pytest.approx(steps.update_norm(BATCH, 1.0))
