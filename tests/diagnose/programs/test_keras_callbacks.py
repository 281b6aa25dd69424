"""Tests of framework/diagnose/programs/keras_callbacks.py."""

import keras
import numpy as np
import pytest

from framework.diagnose.programs.keras_batches import Examples
from framework.diagnose.programs.keras_callbacks import Callbacks
from framework.diagnose.programs.keras_loop import KerasLoop
from framework.errors import UsageError

X = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 50)


def compiled():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"], jit_compile=False)
    return model


class Journal(keras.callbacks.Callback):
    """Writes down each call, with the names of what it is told."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def on_train_begin(self, logs=None):
        self.calls.append(("train", sorted(self.params)))

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(("epoch", epoch))

    def on_test_begin(self, logs=None):
        self.calls.append(("test",))

    def on_test_end(self, logs=None):
        self.calls.append(("test end",))

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(("epoch end", epoch, sorted(logs)))

    def on_train_end(self, logs=None):
        self.calls.append(("train end",))


class Batches(Journal):
    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(("batch", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(("batch end", batch, sorted(logs)))


def train(model, callback, epochs=2):
    callbacks = Callbacks(callback, model, epochs, 3)
    loop = KerasLoop(model)
    with callbacks.training():
        for epoch in range(epochs):
            callbacks.begin_epoch(epoch)
            logs = callbacks.train(loop, Examples(X, Y), np.arange(50), 20)
            with callbacks.testing():
                tested = loop.test(X, Y, 20)
            logs |= {f"val_{name}": value for name, value in tested.items()}
            callbacks.end_epoch(epoch, logs)
            if callbacks.has_stopped:
                break
    return callbacks


@pytest.mark.parametrize(
    "kind", [Journal, pytest.param(Batches, marks=pytest.mark.extended)]
)
def test_they_are_called_as_by_fit(kind):
    ours, fitted = kind(), kind()
    models = compiled(), compiled()
    train(models[0], ours)
    models[1].fit(
        X,
        Y,
        20,
        epochs=2,
        shuffle=False,
        verbose=0,
        validation_data=(X, Y),
        callbacks=[fitted],
    )
    assert ours.calls == fitted.calls
    for one, other in zip(models[0].weights, models[1].weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_one_can_end_training():
    stop = keras.callbacks.EarlyStopping("val_loss", min_delta=1e9, patience=2)
    journal = Journal()
    model = compiled()
    callbacks = train(model, [stop, journal], epochs=9)
    assert [each for each in journal.calls if each[0] == "epoch"][-1] == ("epoch", 2)
    assert callbacks.patience == 2
    assert not model.stop_training


class ForTests(keras.callbacks.Callback):
    def on_test_batch_end(self, batch, logs=None):
        raise AssertionError


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (ForTests(), "ForTests is called for each batch of validation"),
        (keras.callbacks.BackupAndRestore("x"), "resumes another training"),
        (print, "is no keras.callbacks.Callback"),
        ([None, "early"], "'early' is no keras"),
    ],
)
def test_what_cannot_be_called_is_refused(callback, message):
    with pytest.raises(UsageError, match=message):
        Callbacks(callback, compiled(), 1, 1)
