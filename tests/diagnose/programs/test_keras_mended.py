"""Tests of framework/diagnose/programs/keras_mended.py."""

import dataclasses

import keras
import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_mended import mended
from framework.diagnose.programs.keras_program import KerasProgram

L = keras.layers
_N = 90
Y = (np.arange(_N) % 3).astype(np.int32)
X = np.random.default_rng(0).normal(size=(_N, 4, 4, 1)).astype(np.float32)
X = 100 * (X + Y[:, None, None, None])


@pytest.fixture(scope="module")
def program(context):
    """A trained program, its training data and its context."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            L.Flatten(),
            L.Dense(8, "relu"),
            L.Dropout(0.2),
            L.Dense(3, "softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    source = Source((X, Y), 30, shuffle=False)
    made = KerasProgram(model, source)
    made.validation_images, made.train_images = X[:30], X
    made.loop.train(X, Y, np.arange(_N), 30)
    given = context(Split(X, Y), Split(X[:30], Y[:30]))
    return made, source, dataclasses.replace(given, program=made)


@pytest.mark.parametrize(
    "intervention",
    [
        Intervention(standardize=True, learning_rate_factor=100.0),
        pytest.param(Intervention(consistent_loss=True), marks=pytest.mark.extended),
        pytest.param(Intervention(dropout=0.5), marks=pytest.mark.extended),
        pytest.param(Intervention(activation="tanh"), marks=pytest.mark.extended),
        pytest.param(Intervention(reinitialize=True), marks=pytest.mark.extended),
        pytest.param(Intervention(batch_size_factor=0.5), marks=pytest.mark.extended),
    ],
)
def test_the_program_is_that_of_the_trial_while_it_is_entered(program, intervention):
    made, source, context = program
    before = [np.array(each.numpy()) for each in made.model.variables]
    outputs, optimizer = made.predict(X), made.model.optimizer
    initial = made.weights(at_initialization=True)
    result = made.train("trial", intervention, 4.0, True)
    with mended(made, source, context, intervention, result) as other:
        for name in ("validation", "train"):
            predicted = other.program.predict(other.split(name).images)
            # Known from the trial: nothing is predicted twice.
            assert np.array_equal(other.outputs(name), predicted)
        assert np.array_equal(predicted.argmax(axis=1), result.train_predictions)
        settings = other.settings
        assert settings.epochs == 4.0
        factor = intervention.learning_rate_factor
        assert settings.learning_rate == pytest.approx(
            factor * context.settings.learning_rate
        )
        size = round(30 * intervention.batch_size_factor)
        assert (settings.batch_size, settings.steps_per_epoch) == (size, _N // size)
        # It begins as the program did, or as the remedy draws it.
        first = other.program.weights(at_initialization=True)
        is_same = all(map(np.array_equal, first.values(), initial.values()))
        assert is_same != intervention.reinitialize
        assert np.isfinite(other.rows[0]["train/loss"])
        assert len(other.program.step_records(2, at_initialization=False)) == 2
    after = [np.array(each.numpy()) for each in made.model.variables]
    assert all(map(np.array_equal, before, after))
    assert made.model.optimizer is optimizer
    assert np.array_equal(made.predict(X), outputs)


@pytest.mark.parametrize(
    ("intervention", "changes"),
    [
        (Intervention(width_factor=4.0), {}),
        (Intervention(), {"state": None}),
        (Intervention(), {"state": (np.zeros(1),)}),
    ],
)
def test_what_cannot_be_measured_anew(program, intervention, changes):
    made, source, context = program
    result = made.train("trial", Intervention(), 0.4, True)
    result = dataclasses.replace(result, **changes)
    with (
        pytest.raises(NotApplicableError),
        mended(made, source, context, intervention, result),
    ):
        pass
