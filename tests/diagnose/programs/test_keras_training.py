"""Tests of framework/diagnose/programs/keras_training.py."""

import keras
import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.core.budget import Allowance, TooSlowError
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs import keras_optimizers, keras_training
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_loop import KerasLoop

L = keras.layers
_N = 60
Y = np.arange(_N) % 3
X = np.random.default_rng(0).normal(size=(_N, 8, 8, 1)).astype(np.float32)
X += Y[:, None, None, None]


def network(optimizer="sgd"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            L.Flatten(),
            L.Dense(8, "relu"),
            L.Dropout(0.2),
            L.Dense(3),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def source(shuffle=False):
    return Source((X, Y), batch_size=20, shuffle=shuffle)


def branch(model=None, intervention=None, epochs=1.0, continued=False, data=None):
    model = model or network()
    data = data or source()
    intervention = intervention or Intervention()
    trainer = keras_training.Trainer(model, data)
    return model, trainer.train(intervention, epochs, continued, (X[:10], X))


def test_without_a_change_it_is_the_training_itself():
    ours, result = branch(epochs=2.0)
    fitted = network()
    fitted.fit(X, Y, batch_size=20, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(ours.weights, fitted.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    predicted = fitted.predict(X, verbose=0).argmax(axis=1)
    assert np.array_equal(result.train_predictions, predicted)
    assert np.array_equal(result.validation_predictions, predicted[:10])
    assert result.epochs == 2.0


def test_penalties_of_layers_stay_in_a_consistent_loss():
    model = network()
    model.layers[1].kernel.regularizer = keras.regularizers.L2(10.0)
    start = np.abs(model.layers[1].kernel.numpy()).mean()
    branch(model, Intervention(consistent_loss=True), 2.0)
    assert np.abs(model.layers[1].kernel.numpy()).mean() < 0.5 * start


@pytest.mark.extended
def test_a_plain_step_takes_the_place_of_the_programs_own():
    model = network(keras.optimizers.SGD(0.1))
    model.train_step = lambda data: {"loss": 0.0 * model(data[0])[0, 0]}
    start = model.get_weights()
    branch(model)
    assert all(map(np.array_equal, model.get_weights(), start))
    own = model.train_step
    branch(model, Intervention(keras_step=True))
    assert not all(map(np.array_equal, model.get_weights(), start))
    assert model.train_step is own


@pytest.mark.extended
def test_a_standardized_branch_is_asked_in_the_same_scale():
    small = Source((X / 1000, Y), batch_size=20, shuffle=False)
    model = network(keras.optimizers.SGD(0.1))
    trainer = keras_training.Trainer(model, small)
    result = trainer.train(
        Intervention(standardize=True), 20.0, False, (X / 1000, X / 1000)
    )
    assert np.mean(result.validation_predictions == Y) > 0.9


@pytest.mark.extended
def test_it_continues_with_what_the_optimizer_remembers():
    first, whole = network("rmsprop"), network("rmsprop")
    first.fit(X, Y, batch_size=20, shuffle=False, verbose=0)
    whole.fit(X, Y, batch_size=20, epochs=2, shuffle=False, verbose=0)
    branch(first, continued=True)
    for a, b in zip(first.weights, whole.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.extended
def test_the_optimizer_is_another_one_and_the_first_is_left_alone():
    model = network("adam")
    before = model.optimizer
    values = [variable.numpy() for variable in before.variables]
    branch(model)
    assert model.optimizer is not before
    for variable, value in zip(before.variables, values, strict=True):
        assert np.array_equal(variable.numpy(), value)


@pytest.mark.parametrize(
    ("optimizer", "intervention", "wanted"),
    [
        ({}, Intervention(), {"learning_rate": 0.1, "momentum": 0.9}),
        (
            {},
            Intervention(learning_rate_factor=0.1),
            {"learning_rate": pytest.approx(0.01)},
        ),
        ({}, Intervention(weight_decay=0.01), {"weight_decay": 0.01}),
        ({"weight_decay": 0.1}, Intervention(), {"weight_decay": 0.1}),
        # None would be none to all but AdamW, which refuses it.
        ({"weight_decay": 0.1}, Intervention(weight_decay=0.0), {"weight_decay": 0.0}),
        ({}, Intervention(clip_norm=1.0), {"global_clipnorm": 1.0}),
        # Only one of them may be set.
        (
            {"clipnorm": 5.0},
            Intervention(clip_norm=1.0),
            {"global_clipnorm": 1.0, "clipnorm": None},
        ),
        (
            {"clipvalue": 5.0},
            Intervention(clip_norm=1.0),
            {"global_clipnorm": 1.0, "clipvalue": None},
        ),
        # So few steps are not averaged over.
        ({"use_ema": True}, Intervention(), {"use_ema": False}),
    ],
)
def test_another_optimizer_is_like_the_first(optimizer, intervention, wanted):
    first = keras.optimizers.SGD(0.1, momentum=0.9, **optimizer)
    config = keras_optimizers.changed_optimizer(first, intervention).get_config()
    config["learning_rate"] = float(config["learning_rate"])
    result = {name: config[name] for name in wanted}
    assert result == pytest.approx(wanted)


def test_a_schedule_is_scaled():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    first = keras.optimizers.SGD(schedule)
    other = keras_optimizers.changed_optimizer(
        first, Intervention(learning_rate_factor=0.1)
    )
    for step in (0, 10, 20):
        other.iterations.assign(step)
        assert float(other.learning_rate) == pytest.approx(float(schedule(step)) / 10)
    assert set(other._learning_rate.get_config()) == {"schedule", "factor"}


@pytest.mark.extended
def test_a_changed_learning_rate_is_that_of_the_step():
    start = network().get_weights()
    usual, slow = (
        branch(intervention=Intervention(learning_rate_factor=f))[0]
        for f in (1.0, 0.01)
    )

    def distance(model):
        pairs = zip(model.get_weights(), start, strict=True)
        return sum(np.abs(a - b).sum() for a, b in pairs)

    assert distance(slow) < 0.05 * distance(usual)


@pytest.mark.extended
@pytest.mark.parametrize(
    "form", [lambda y: y, lambda y: y[:, None], lambda y: np.eye(3)[y]]
)
@pytest.mark.parametrize("own", [False, True])
def test_a_consistent_loss_learns_where_the_own_one_does_not(form, own):
    model = network()
    model.layers[-1].activation = keras.activations.sigmoid
    model.compile(keras.optimizers.SGD(0.1), lambda y, outputs: 0.0 * outputs)
    if own:
        model.train_step = lambda data: {}
    model.optimizer.build(model.trainable_variables)
    data = Source((X, form(Y)), batch_size=20, shuffle=False)
    kept = dict(vars(model))
    _, result = branch(model, Intervention(consistent_loss=True), 20.0, data=data)
    assert np.mean(result.train_predictions == Y) > 0.9
    for name in ("compute_loss", "train_step"):
        assert vars(model).get(name) is kept.get(name)
    assert model.layers[-1].activation is keras.activations.sigmoid


def test_one_output_has_a_consistent_loss_as_well():
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), L.Flatten(), L.Dense(1, "softmax")]
    )
    with pytest.warns(UserWarning, match="softmax"):
        model(X[:1])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    data = Source((X, Y // 2), batch_size=20, shuffle=False)
    _, result = branch(model, Intervention(consistent_loss=True), 30.0, data=data)
    assert np.mean(result.train_predictions == Y // 2) > 0.9


@pytest.mark.extended
def test_a_wider_model_is_trained_instead():
    model = network(keras.optimizers.SGD(0.1))
    start = model.get_weights()
    _, result = branch(model, Intervention(width_factor=4.0), 10.0)
    assert np.mean(result.train_predictions == Y) > 0.9
    assert all(map(np.array_equal, model.get_weights(), start))


@pytest.mark.extended
def test_frozen_weights_are_trained_by_a_change():
    model = network()
    model.layers[1].trainable = False
    model.compile("sgd", model.loss)
    model.optimizer.build(model.trainable_variables)
    start = model.layers[1].get_weights()
    branch(model)
    assert all(map(np.array_equal, model.layers[1].get_weights(), start))
    branch(model, Intervention(unfreeze=True))
    assert not np.array_equal(model.layers[1].get_weights()[0], start[0])
    assert not model.layers[1].trainable


def test_a_schedule_gives_way_to_a_constant_rate():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.1)
    first = keras.optimizers.SGD(schedule)
    other = keras_optimizers.changed_optimizer(
        first, Intervention(constant_learning_rate=0.1, learning_rate_factor=0.5)
    )
    assert float(other.learning_rate) == pytest.approx(0.05)


def test_one_output_for_many_classes_has_no_consistent_loss():
    model = keras.Sequential([keras.Input((8, 8, 1)), L.Flatten(), L.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    data = source()
    data.outputs = 1
    with pytest.raises(NotApplicableError, match="one output"):
        branch(model, Intervention(consistent_loss=True), data=data)


def test_adamw_goes_on_without_decay():
    first = keras.optimizers.AdamW(1e-3, weight_decay=0.1)
    assert (
        keras_optimizers.changed_optimizer(
            first, Intervention(weight_decay=0.0)
        ).weight_decay
        == 0
    )


class Counting:
    """A loss that counts how often it is traced."""

    def __init__(self):
        self.traces = 0
        self._loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def __call__(self, y, outputs):
        self.traces += 1
        return self._loss(y, outputs)


def counted(optimizer="adam"):
    model, loss = network(), Counting()
    model.compile(optimizer, loss, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model, loss


def values(model):
    return [variable.numpy() for variable in model.variables]


def schedule():
    return keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)


@pytest.mark.extended
@pytest.mark.parametrize(
    ("intervention", "optimizer", "is_shared"),
    [
        (Intervention(), "adam", True),
        (Intervention(learning_rate_factor=0.1), "adam", True),
        (Intervention(constant_learning_rate=0.1), "adam", True),
        (Intervention(batch_size_factor=0.5), "adam", True),
        (Intervention(standardize=True, reinitialize=True), "adam", True),
        (Intervention(train=Split(X[:30], Y[:30])), "adam", True),
        (Intervention(augment="rotate(10)", seed=1), "adam", True),
        # These are in the graph.
        (Intervention(dropout=0.5), "adam", False),
        (Intervention(weight_decay=0.1), "adam", False),
        (Intervention(clip_norm=1.0), "adam", False),
        (Intervention(augment=""), "adam", False),
        (Intervention(), keras.optimizers.SGD(schedule()), True),
        (
            Intervention(learning_rate_factor=0.1),
            keras.optimizers.SGD(schedule()),
            False,
        ),
        (
            Intervention(constant_learning_rate=0.1),
            keras.optimizers.SGD(schedule()),
            False,
        ),
    ],
)
def test_a_compiled_step_is_shared_by_trials_with_the_same_graph(
    intervention, optimizer, is_shared
):
    model, loss = counted(optimizer)
    start = values(model)
    trainer, images = keras_training.Trainer(model, source()), (X[:10], X)
    usual, own = Intervention(), model.optimizer
    trainer.train(usual, 1.0, False, images)
    once = loss.traces

    def restore():
        for variable, value in zip(model.variables, start, strict=True):
            variable.assign(value)
        model.optimizer = own

    restore()
    # Its last epoch is no whole one, which is no reason to trace it again.
    first = trainer.train(usual, 1.5, False, images)
    assert loss.traces == once
    restore()
    trainer.train(intervention, 1.5, False, images)
    assert (loss.traces == once) is is_shared
    weights = values(model)
    restore()
    keras_training.Trainer(model, source()).train(intervention, 1.5, False, images)
    for each, other in zip(values(model), weights, strict=True):
        np.testing.assert_array_equal(each, other)
    # The usual one is kept as well.
    restore()
    traces = loss.traces
    again = trainer.train(usual, 1.5, False, images)
    assert loss.traces == traces
    assert np.array_equal(again.train_predictions, first.train_predictions)


@pytest.mark.extended
def test_the_loop_of_the_training_is_used_again():
    model, loss = counted()
    loop, start = KerasLoop(model), values(model)
    loop.train(X, Y, np.arange(_N), 20)
    once = loss.traces
    for variable, value in zip(model.variables, start, strict=True):
        variable.assign(value)
    trainer = keras_training.Trainer(model, source(), loop)
    trainer.train(Intervention(learning_rate_factor=0.1), 1.0, False, (X[:10], X))
    assert loss.traces == once
    alone = network()
    alone.compile("adam", model.loss, jit_compile=False)
    alone.optimizer.build(alone.trainable_variables)
    branch(alone, Intervention(learning_rate_factor=0.1))
    for each, other in zip(model.weights, alone.weights, strict=True):
        np.testing.assert_array_equal(each, other)


@pytest.mark.parametrize("use_ema", [False, True])
def test_an_average_of_the_weights_is_in_no_trial(use_ema):
    model, loss = counted(keras.optimizers.SGD(0.1, use_ema=use_ema))
    loop = KerasLoop(model)
    loop.train(X, Y, np.arange(_N), 20)
    once = loss.traces
    trainer = keras_training.Trainer(model, source(), loop)
    trainer.train(Intervention(), 1.0, False, (X[:10], X))
    assert model.optimizer.use_ema is False
    assert (loss.traces > once) is use_ema


def test_an_optimizer_of_some_weights_is_not_taken_for_one_of_all():
    model, _ = counted()
    loop, own = KerasLoop(model), keras.optimizers.SGD(0.1, momentum=0.9)
    own.build(model.trainable_variables[:2])
    model.optimizer = own
    trainer = keras_training.Trainer(model, source(), loop)
    result = trainer.train(Intervention(), 1.0, False, (X[:10], X))
    assert model.optimizer is not own
    assert len(result.train_predictions) == _N


@pytest.mark.parametrize(
    ("epochs", "noted"),
    [
        (0.1, [(1, 1)]),
        # After a step, and after some more; then by epoch.
        (2.5, [(1, 8), (2, 8), (3, 8), (6, 8), (8, 8)]),
    ],
)
def test_tells_of_its_progress(epochs, noted):
    seen = []

    class Noting(Allowance):
        def check(self, done, total):
            seen.append((done, total))

    trainer = keras_training.Trainer(network(), source())
    trainer.train(Intervention(), epochs, False, (X[:10], X), Noting())
    assert seen == noted


def test_a_trial_that_takes_too_long_ends_early_and_undoes_its_change():
    times = iter(range(0, 1000, 10))
    model = network()
    trainer = keras_training.Trainer(model, source())
    allowance = Allowance(50.0, lambda: next(times))
    with pytest.raises(TooSlowError):
        trainer.train(Intervention(dropout=0.5), 20.0, False, (X[:10], X), allowance)
    assert next(times) < 50
    assert model.layers[2].rate == 0.2


def test_a_trial_is_ended_half_way():
    seen = []

    def is_futile(epochs, predict):
        seen.append((epochs, predict()))
        return epochs == 2.0

    trainer = keras_training.Trainer(network(), source())
    allowance = Allowance(is_futile=is_futile)
    result = trainer.train(Intervention(), 4.0, False, (X[:10], X), allowance)
    assert [epochs for epochs, _ in seen] == [1, 2]
    assert (result.epochs, result.was_stopped) == (2.0, True)
    # The result is that of the epochs it has had.
    assert np.array_equal(result.validation_predictions, seen[-1][1])
    _, whole = branch(epochs=2.0)
    assert np.array_equal(whole.train_predictions, result.train_predictions)
    assert not whole.was_stopped
