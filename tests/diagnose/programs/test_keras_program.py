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


def test_a_model_that_was_never_called_is_built():
    model = compiled(Own())
    program = made(model)
    assert set(program.weights(at_initialization=True)) == {
        w.path for w in model.weights
    }
    assert int(model.optimizer.iterations) == int(model.other.iterations) == 0
    assert not any(np.any(v) for v in model.other.variables[2:])


def test_all_is_undone_in_the_end():
    model = compiled()
    model(X[:1])
    program = KerasProgram(model, Source((X, Y), 20))
    before = everything(model)

    def spoil():
        with program.as_before():
            program.loop.train(X, Y, np.arange(_N), 20)
            model.layers[1].trainable = False
            model.optimizer = keras.optimizers.Adam()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        spoil()
    assert everything(model) == before


def test_variables_that_keras_does_not_know_are_undone_as_well():
    class Counting(Own):
        def __init__(self):
            super().__init__()
            self.count, self.counts = tf.Variable(0), [tf.Variable(0), tf.Variable(0)]

        def train_step(self, data):
            for count in (self.count, *self.counts):
                count.assign_add(1)
            return super().train_step(data)

    model = compiled(Counting())
    program = made(model)
    program.step_records(2, at_initialization=False)
    program.train("a", Intervention(), 1.0, at_initialization=False)
    assert [int(each) for each in (model.count, *model.counts)] == [0, 0, 0]


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


def test_steps_are_those_of_the_training(program):
    records = program.step_records(3, at_initialization=True)
    first = program.weights(at_initialization=True)
    model = compiled()
    model.fit(X[:20], Y[:20], batch_size=20, shuffle=False, verbose=0)
    before, after = (
        np.concatenate([weights[w.path].ravel() for w in model.trainable_weights])
        for weights in (
            {w.path: first[p] for w, p in zip(model.weights, first, strict=True)},
            {w.path: w.numpy() for w in model.weights},
        )
    )
    ratio = np.linalg.norm(after - before) / np.linalg.norm(before)
    # Dropout draws otherwise.
    assert records[0].relative_length == pytest.approx(ratio, rel=0.5)
    assert records[0].loss_before > records[0].loss_after
    assert len(program.step_records(5, at_initialization=False)) == 5


def test_gradients_are_those_of_the_loss():
    program = made(compiled(Own()))
    gradients = program.gradients(BATCH, at_initialization=True)
    model = program.model
    assert set(gradients) == {weight.path for weight in model.trainable_weights}
    features = program.activations(BATCH.images, at_initialization=True)[
        model.first.name
    ]
    logits = program.predict(BATCH.images)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wanted = features.T @ (chances - np.eye(3)[BATCH.labels]) / len(BATCH)
    np.testing.assert_allclose(gradients[model.last.kernel.path], wanted, atol=1e-5)


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


def plain():
    """Without dropout, so that steps can be compared."""
    return keras.Sequential(
        [keras.Input((4, 4, 1)), L.Flatten(), L.Dense(8, "relu"), L.Dense(3)]
    )


def test_a_plain_step_applies_the_gradient():
    program = made(compiled(plain()))
    gradients = program.gradients(BATCH, at_initialization=True)
    for name, applied in program.update_vectors(BATCH).items():
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
    program = made(model)
    gradients = program.gradients(BATCH, at_initialization=True)
    applied = list(program.update_vectors(BATCH).values())
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
    program = made(compiled(plain(), optimizer()))
    ratio = program.update_norm(BATCH, 0.1) / program.update_norm(BATCH, 1.0)
    assert ratio == pytest.approx(0.1, rel=0.05)


def test_a_schedule_cannot_be_moved():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    program = made(compiled(plain(), keras.optimizers.SGD(schedule)))
    with pytest.raises(NotApplicableError):
        program.update_norm(BATCH, 0.1)


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
    program = made(model)
    assert program.update_norm(BATCH, 0.1) == pytest.approx(
        program.update_norm(BATCH, 1.0)
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
