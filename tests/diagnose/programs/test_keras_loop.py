"""Tests of framework/diagnose/programs/keras_loop.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.diagnose.programs.keras_loop import KerasLoop

L = keras.layers
_N = 70
X = np.random.default_rng(0).normal(size=(_N, 6)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, _N)


class Own(keras.Model):
    """Trains by a step of its own, and reports what it likes."""

    def __init__(self):
        super().__init__()
        self.dense = L.Dense(3)
        self.seen = keras.metrics.Mean(name="seen")

    def call(self, x, training=False):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = 3 * self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
        weights = self.trainable_variables
        gradients = tape.gradient(loss, weights)
        self.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        self.seen.update_state(loss)
        return {"mine": loss, "seen": self.seen.result()}

    def test_step(self, data):
        x, y = data
        return {"mine": self.compute_loss(x=x, y=y, y_pred=self(x, training=False))}


def plain():
    return keras.Sequential(
        [
            keras.Input((6,)),
            L.Dense(8, "relu", kernel_regularizer="l2"),
            L.BatchNormalization(momentum=0.5),
            L.Dropout(0.5, seed=1),
            L.Dense(3),
        ]
    )


def linear():
    return keras.Sequential([keras.Input((6,)), L.Dense(3)])


def compiled(make, y=Y, eagerly=False, optimizer="rmsprop", **options):
    keras.utils.set_random_seed(0)
    model = make()
    loss = keras.losses.SparseCategoricalCrossentropy
    if y.ndim > 1 and y.shape[1] > 1:
        loss = keras.losses.CategoricalCrossentropy
    # XLA takes seconds.
    options = {"metrics": ["accuracy"], "jit_compile": False, **options}
    model.compile(optimizer, loss(from_logits=True), run_eagerly=eagerly, **options)
    model(X[:1])
    return model


def assert_same(one, other, tolerance=1e-5):
    for a, b in zip(one.variables, other.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


KINDS = {
    "plain": {"make": plain},
    "one-hot": {"make": plain, "y": np.eye(3, dtype=np.float32)[Y]},
    "column": {"make": plain, "y": Y[:, None]},
    "eager": {"make": plain, "eagerly": True},
    "own step": {"make": Own, "metrics": None},
    "own step, eager": {"make": Own, "eagerly": True, "metrics": None},
    "no metrics": {"make": plain, "metrics": None},
}


@pytest.mark.extended
@pytest.mark.parametrize(
    "kind", ["plain", "one-hot", "eager", "own step", "own step, eager"]
)
def test_trains_as_fit_does(kind):
    """Last batches are smaller; dropout draws alike; two epochs."""
    y = KINDS[kind].get("y", Y)
    ours, fitted = (compiled(**KINDS[kind]) for _ in range(2))
    loop = KerasLoop(ours)
    history = fitted.fit(X, y, batch_size=32, epochs=2, shuffle=False, verbose=0)
    results = [loop.train(X, y, np.arange(_N), 32) for _ in range(2)]
    assert_same(ours, fitted)
    assert_same(ours.optimizer, fitted.optimizer)
    assert set(results[0]) == set(history.history)
    for epoch in range(2):
        reported = {name: values[epoch] for name, values in history.history.items()}
        assert results[epoch] == pytest.approx(reported, rel=1e-4)


@pytest.mark.extended
@pytest.mark.parametrize("kind", KINDS)
def test_tests_as_evaluate_does(kind):
    model = compiled(**KINDS[kind])
    y = KINDS[kind].get("y", Y)
    expected = model.evaluate(X, y, batch_size=32, verbose=0, return_dict=True)
    assert KerasLoop(model).test(X, y, 32) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "eagerly", [pytest.param(False, marks=pytest.mark.extended), True]
)
def test_weights_are_those_of_fit(eagerly):
    options = {"weighted_metrics": ["accuracy"], "loss_weights": 2.0}
    ours, fitted = (compiled(linear, eagerly=eagerly, **options) for _ in range(2))
    weights = np.random.default_rng(3).random(_N).astype(np.float32)
    history = fitted.fit(
        X, Y, 32, sample_weight=weights, shuffle=False, verbose=0
    ).history
    result = KerasLoop(ours).train(X, Y, np.arange(_N), 32, weights=weights)
    assert_same(ours, fitted)
    assert result == pytest.approx({name: each[0] for name, each in history.items()})
    expected = fitted.evaluate(X, Y, sample_weight=weights, verbose=0, return_dict=True)
    assert KerasLoop(ours).test(X, Y, 32, weights) == pytest.approx(expected, rel=1e-5)


@pytest.mark.extended
def test_the_order_is_kept():
    ours, fitted = compiled(linear), compiled(linear)
    order = np.random.default_rng(2).permutation(_N)[:50]
    KerasLoop(ours).train(X, Y, order, 16)
    fitted.fit(X[order], Y[order], batch_size=16, shuffle=False, verbose=0)
    assert_same(ours, fitted)


@pytest.mark.extended
def test_asked_eagerly_it_does_the_same():
    eager, graph = compiled(linear), compiled(linear)
    results = [
        KerasLoop(model).train(X, Y, np.arange(_N), 16, eagerly=eagerly)
        for model, eagerly in ((eager, True), (graph, False))
    ]
    assert_same(eager, graph)
    assert results[0] == pytest.approx(results[1], rel=1e-4)


@pytest.mark.extended
def test_a_schedule_goes_on():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    ours, fitted = (
        compiled(linear, optimizer=keras.optimizers.SGD(schedule)) for _ in range(2)
    )
    KerasLoop(ours).train(X, Y, np.arange(_N), 8)
    fitted.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    assert_same(ours, fitted)


def test_metrics_are_of_one_epoch_each():
    model = compiled(plain)
    loop = KerasLoop(model)
    first = loop.test(X, Y, 16)
    assert loop.test(X, Y, 16) == pytest.approx(first)


def test_says_what_predict_says():
    model = compiled(plain)
    many = np.tile(X, (5, 1))
    outputs = KerasLoop(model).predict(many)
    assert (outputs.dtype, outputs.shape) == (np.float32, (350, 3))
    np.testing.assert_allclose(outputs, model.predict(many, verbose=0), rtol=1e-4)


def test_being_asked_in_training_mode_changes_nothing():
    model = compiled(plain)
    before = [variable.numpy() for variable in model.variables]
    loop = KerasLoop(model)
    usual = loop.predict(X)
    outputs = loop.predict(X, training=True)
    assert not np.allclose(outputs, usual)
    for variable, value in zip(model.variables, before, strict=True):
        assert np.array_equal(variable.numpy(), value)
    # Not even what is drawn next.
    assert np.array_equal(loop.predict(X, training=True), outputs)


def test_a_model_that_must_be_eager_is_asked_eagerly():
    class Eager(Own):
        def call(self, x, training=False):
            if not training:
                x.numpy()
            return self.dense(x)

    model = compiled(Eager, eagerly=True)
    assert KerasLoop(model).predict(X).shape == (_N, 3)


def test_outputs_of_more_axes_are_flat():
    model = keras.Sequential([keras.Input((6,)), L.Reshape((6, 1))])
    assert KerasLoop(model).predict(X).shape == (_N, 6)


def test_predictions():
    model = compiled(plain)
    loop = KerasLoop(model)
    predictions = loop.predictions(X, Y)
    logits = loop.predict(X).astype(np.float64)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = chances[np.arange(_N), Y]
    assert np.array_equal(predictions.labels, Y)
    assert np.array_equal(predictions.predicted, chances.argmax(axis=1))
    assert np.array_equal(predictions.rank, (chances > true[:, None]).sum(axis=1))
    np.testing.assert_allclose(predictions.confidence, chances.max(axis=1), rtol=1e-5)
    np.testing.assert_allclose(predictions.losses, -np.log(true), rtol=1e-4)


def test_labels_that_no_output_stands_for_are_never_right():
    model = compiled(plain)
    predictions = KerasLoop(model).predictions(X[:4], np.array([-1, 3, 7, 3]))
    assert (predictions.rank == 3).all()
    assert (predictions.predicted != predictions.labels).all()


def test_outputs_that_are_not_finite_rank_nothing():
    x = X[:4].copy()
    x[1] = np.nan
    # No relu: on some processors, its fused kernel makes 0 of NaN.
    predictions = KerasLoop(compiled(linear)).predictions(x, Y[:4])
    assert predictions.rank[1] == 3
    assert (predictions.rank[[0, 2, 3]] < 3).all()


def test_equal_outputs_rank_by_their_index():
    model = keras.Sequential([keras.Input((6,)), L.Lambda(keras.ops.zeros_like)])
    predictions = KerasLoop(model).predictions(X[:6], np.arange(6))
    assert np.array_equal(predictions.rank, np.arange(6))


def test_one_output_is_of_two_classes():
    model = keras.Sequential([keras.Input((6,)), L.Dense(1, "sigmoid")])
    predictions = KerasLoop(model).predictions(X, Y % 2)
    share = model(X).numpy()[:, 0]
    assert np.array_equal(predictions.predicted, share > 0.5)
    np.testing.assert_allclose(
        predictions.confidence, np.maximum(share, 1 - share), rtol=1e-5
    )


@pytest.mark.parametrize("make", [pytest.param(plain, marks=pytest.mark.extended), Own])
def test_it_is_traced_once_for_any_number_of_examples(make):
    model = compiled(make, metrics=None)
    traces = []
    step = model.train_step
    model.train_step = lambda data: traces.append(1) or step(data)
    loop = KerasLoop(model)
    loop.train(X, Y, np.arange(_N), 32)
    once = len(traces)
    loop.train(X, Y, np.arange(_N)[:50], 16)
    loop.train(X[:40], Y[:40], np.arange(40), 32)
    assert len(traces) == once
