"""Tests of framework/diagnose/programs/keras_program.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.data.split import Split
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_program import KerasProgram

L = keras.layers
_N = 60
Y = (np.arange(_N) % 3).astype(np.int64)
X = np.random.default_rng(0).normal(size=(_N, 4, 4, 1)).astype(np.float32)
X += Y[:, None, None, None]
BATCH = Split(X[:20], Y[:20].astype(np.int32))


class Own(keras.Model):
    """Trains by two optimizers of its own, one for each layer."""

    def __init__(self):
        super().__init__()
        self.flatten, self.first, self.last = L.Flatten(), L.Dense(5), L.Dense(3)
        self.other = keras.optimizers.SGD(0.1, momentum=0.9)

    def call(self, x, training=False):
        return self.last(self.first(self.flatten(x)))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
        weights = self.trainable_variables
        gradients = tape.gradient(loss, weights)
        self.optimizer.apply_gradients(zip(gradients[:2], weights[:2], strict=True))
        self.other.apply_gradients(zip(gradients[2:], weights[2:], strict=True))
        return {"loss": loss}


def network():
    return keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            L.Flatten(),
            L.Dense(8, "relu", kernel_regularizer=keras.regularizers.L2(0.01)),
            L.BatchNormalization(momentum=0.5),
            L.Dropout(0.3),
            L.Dense(3),
        ]
    )


def compiled(model=None, optimizer=None, **options):
    keras.utils.set_random_seed(0)
    model = model or network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = optimizer or keras.optimizers.SGD(0.05, momentum=0.9)
    model.compile(optimizer, loss, jit_compile=False, **options)
    return model


def made(model=None, epochs=0):
    program = KerasProgram(model or compiled(), Source((X, Y), 20, shuffle=False))
    program.validation_images, program.train_images = X[:10], X
    for _ in range(epochs):
        program.loop.train(X, Y, np.arange(_N), 20)
    return program


def everything(model):
    """Returns all parts of a model that a diagnosis could leave changed."""
    optimizers = [model.optimizer, getattr(model, "other", model.optimizer)]
    variables = [*model.variables, *(v for each in optimizers for v in each.variables)]
    layers = [
        (layer.trainable, getattr(layer, "rate", 0), getattr(layer, "activation", 0))
        for layer in model._flatten_layers()
    ]
    own = {name: vars(model).get(name) for name in ("compute_loss", "train_step")}
    return (
        [variable.numpy().tobytes() for variable in variables],
        layers,
        own,
        list(map(id, optimizers)),
        [vars(layer).get("call") for layer in model._flatten_layers()],
        model.loss,
    )


@pytest.fixture(scope="module")
def program():
    return made(epochs=3)


QUESTIONS = {
    "ask": lambda p: p.predict(X),
    "ask in training mode": lambda p: p.predict(X, training=True),
    "predict_live": lambda p: p.predict_live(X),
    "predict_reestimated": lambda p: p.predict_reestimated(X, X),
    "inputs": lambda p: p.inputs(X),
    "loss": lambda p: p.loss(Y[:4], np.zeros((4, 3), np.float32)),
    "penalty": lambda p: p.penalty(at_initialization=True),
    "steps": lambda p: p.step_records(2, at_initialization=False),
    "first steps": lambda p: p.step_records(2, at_initialization=True),
    "applied": lambda p: p.update_vectors(BATCH),
    "moved": lambda p: p.update_norm(BATCH, 0.1),
    "gradients": lambda p: p.gradients(BATCH, at_initialization=True),
    "activations": lambda p: p.activations(X, at_initialization=True),
    "weights": lambda p: p.weights(at_initialization=True),
    "experiment": lambda p: p.train("a", Intervention(), 1.0, at_initialization=True),
    "continued": lambda p: p.train(
        "a", Intervention(dropout=0.1), 1.0, at_initialization=False
    ),
    "changed": lambda p: p.train(
        "a",
        Intervention(
            activation="leaky_relu",
            weight_decay=0.1,
            reinitialize=True,
            consistent_loss=True,
            width_factor=2.0,
            keras_step=True,
        ),
        1.0,
        at_initialization=True,
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_changes_anything(program, question):
    before = everything(program.model)
    QUESTIONS[question](program)
    assert everything(program.model) == before


@pytest.mark.extended
@pytest.mark.parametrize("question", ["steps", "applied", "moved", "experiment"])
def test_nor_does_it_where_a_program_has_more_than_one_optimizer(question):
    model = compiled(Own())
    model(X[:1])
    program = made(model, epochs=1)
    before = everything(model)
    QUESTIONS[question](program)
    assert everything(model) == before


class Broken:
    """Images that cannot be asked about."""

    shape, dtype = (10, 4, 4, 1), np.dtype(np.float32)

    def __getitem__(self, rows):
        return X[rows]

    def __len__(self):
        raise ZeroDivisionError


@pytest.mark.parametrize("at_initialization", [True, False])
def test_an_experiment_that_fails_changes_nothing(
    program, monkeypatch, at_initialization
):
    before = everything(program.model)
    intervention = Intervention(consistent_loss=True, dropout=0.1)
    monkeypatch.setattr(program, "train_images", Broken())
    with pytest.raises(ZeroDivisionError):
        program.train("a", intervention, 1.0, at_initialization)
    assert everything(program.model) == before


def test_nor_does_one_that_is_impossible():
    layers = [keras.Input((16,)), L.BatchNormalization(), L.Dense(3, trainable=False)]
    rows = X.reshape(_N, -1)
    program = KerasProgram(compiled(keras.Sequential(layers)), Source((rows, Y), 20))
    program.validation_images = program.train_images = rows
    before = everything(program.model)
    intervention = Intervention(unfreeze=True, augment="rotate(10)")
    with pytest.raises(NotApplicableError):
        program.train("a", intervention, 1.0, at_initialization=True)
    assert everything(program.model) == before


@pytest.mark.extended
def test_to_look_at_a_model_leaves_it_untouched():
    """Not even variables are drawn otherwise than without it."""
    plain, looked_at = compiled(), compiled()
    made(looked_at)
    for model in (plain, looked_at):
        model.fit(X, Y, batch_size=20, shuffle=False, verbose=0)
    for a, b in zip(plain.variables, looked_at.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_first_weights_are_those_before_training(program):
    first, last = (
        program.weights(at_initialization) for at_initialization in (True, False)
    )
    model = compiled()
    for weight, path in zip(model.weights, first, strict=True):
        assert np.array_equal(first[path], weight.numpy())
    assert all(
        np.any(first[weight.path] != last[weight.path])
        for weight in program.model.trainable_weights
    )


def test_asks_the_weights_after_the_last_step(program):
    wanted = program.model.predict(X, verbose=0)
    np.testing.assert_allclose(program.predict(X), wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(program.predict_live(X), program.predict(X))
    assert program.inputs(X).dtype == np.float32


@pytest.mark.extended
def test_an_average_of_weights_is_evaluated_at_the_end():
    optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.99)
    program = made(compiled(optimizer=optimizer), epochs=2)
    live = program.predict(X)
    program.finish()
    np.testing.assert_array_equal(program.predict_live(X), live)
    assert not np.allclose(program.predict(X), live)
    # As fit does it.
    optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.99)
    fitted = compiled(optimizer=optimizer)
    fitted.fit(X, Y, batch_size=20, epochs=2, shuffle=False, verbose=0)
    wanted = fitted.get_weights()
    for a, b in zip(program.model.get_weights(), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.extended
def test_statistics_are_taken_anew():
    program = made(epochs=3)
    usual = program.predict(X)
    norm = program.model.layers[2]
    norm.moving_mean.assign(norm.moving_mean + 100.0)
    broken, again = program.predict(X), program.predict_reestimated(X, X)
    assert np.mean(broken.argmax(axis=1) == Y) < 0.5
    assert np.mean(again.argmax(axis=1) == usual.argmax(axis=1)) > 0.9
    np.testing.assert_array_equal(program.predict(X), broken)


def test_without_batch_norm_there_is_nothing_to_take_anew():
    with pytest.raises(NotApplicableError):
        made(compiled(Own())).predict_reestimated(X, X)


def test_loss_and_penalty_are_apart(program):
    outputs = np.zeros((4, 3), np.float32)
    assert program.loss(Y[:4], outputs) == pytest.approx(np.log(3), rel=1e-4)
    kernel = program.model.layers[1].kernel.numpy()
    wanted = 0.01 * np.sum(kernel.astype(np.float64) ** 2)
    assert program.penalty(at_initialization=False) == pytest.approx(wanted, rel=1e-5)
    assert program.penalty(at_initialization=True) != program.penalty(
        at_initialization=False
    )


def test_activations_are_of_layers_in_order(program):
    seen = program.activations(X, at_initialization=True)
    assert list(seen) == [layer.name for layer in program.model.layers]
    last = program.model.layers[-1].name
    assert not np.allclose(seen[last], program.predict(X))
    seen = program.activations(X, at_initialization=False)
    np.testing.assert_allclose(seen[last], program.predict(X), rtol=1e-4, atol=1e-6)


@pytest.mark.extended
def test_experiments_begin_anew_or_go_on():
    program = made(epochs=20)
    reached = np.mean(program.predict(X).argmax(axis=1) == Y)
    assert reached > 0.8
    # So short a training from the first weights reaches nothing.
    tiny = Intervention(learning_rate_factor=1e-6)
    anew = program.train("a", tiny, 0.1, at_initialization=True)
    further = program.train("a", tiny, 0.1, at_initialization=False)
    assert np.mean(further.train_predictions == Y) == pytest.approx(reached, abs=0.05)
    assert np.mean(anew.train_predictions == Y) < reached
    assert (len(further.validation_predictions), further.epochs) == (10, 0.1)
