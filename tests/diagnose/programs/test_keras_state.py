"""Tests of framework/diagnose/programs/keras_state.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_loop import KerasLoop
from framework.diagnose.programs.keras_state import KerasState
from framework.errors import UsageError

Y = np.arange(60) % 3
X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)


class Own(keras.Model):
    """Trains by two optimizers, and counts its steps in variables of its own."""

    def __init__(self):
        super().__init__()
        self.first, self.last = keras.layers.Dense(5), keras.layers.Dense(3)
        self.other = keras.optimizers.SGD(0.1, momentum=0.9)
        self.count, self.counts = tf.Variable(0), [tf.Variable(0), tf.Variable(0)]

    def call(self, x, training=False):
        return self.last(self.first(x))

    def train_step(self, data):
        x, y = data
        for count in (self.count, *self.counts):
            count.assign_add(1)
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
        weights = self.trainable_variables
        gradients = tape.gradient(loss, weights)
        self.optimizer.apply_gradients(zip(gradients[:2], weights[:2], strict=True))
        self.other.apply_gradients(zip(gradients[2:], weights[2:], strict=True))
        return {"loss": loss}


@pytest.fixture
def model():
    """A model that was never called."""
    keras.utils.set_random_seed(0)
    model = Own()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss, jit_compile=False)
    return model


def everything(model):
    """Returns all parts of a model that a step could change."""
    own = (model.count, *model.counts)
    optimizers = (*model.optimizer.variables, *model.other.variables)
    return [
        [each.numpy().tobytes() for each in (*model.variables, *own, *optimizers)],
        [layer.trainable for layer in model.layers],
        id(model.optimizer),
    ]


def train(model):
    KerasLoop(model).train(X, Y, np.arange(60), 20)


def test_a_model_that_was_never_called_is_built(model):
    KerasState(model, Source((X, Y), 20))
    assert len(model.weights) == 4
    assert int(model.optimizer.iterations) == int(model.other.iterations) == 0
    assert not any(np.any(v) for v in model.other.variables[2:])
    assert [int(each) for each in (model.count, *model.counts)] == [0, 0, 0]


def test_all_is_undone_in_the_end(model):
    state = KerasState(model, Source((X, Y), 20))
    before = everything(model)

    def spoil():
        with state.restoring():
            train(model)
            model.layers[1].trainable = False
            model.optimizer = keras.optimizers.Adam()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        spoil()
    assert everything(model) == before


def test_the_state_before_the_first_step_is_set_and_undone(model):
    state = KerasState(model, Source((X, Y), 20))
    first = everything(model)
    train(model)
    last = everything(model)
    assert last[0] != first[0]
    for is_first, wanted in ((True, first), (False, last)):
        with state.at(at_initialization=is_first):
            assert everything(model) == wanted
        assert everything(model) == last


def test_trials_begin_with_recorded_weights(model):
    state = KerasState(model, Source((X, Y), 20))
    train(model)
    last = everything(model)
    recorded = [np.full(weight.shape, 0.5) for weight in model.weights]
    state.begin_with(recorded)
    assert everything(model) == last
    with state.at(at_initialization=True):
        assert all(np.all(weight.numpy() == 0.5) for weight in model.weights)
        assert int(model.optimizer.iterations) == 0
    with pytest.raises(UsageError, match="of another model"):
        state.begin_with(recorded[1:])
