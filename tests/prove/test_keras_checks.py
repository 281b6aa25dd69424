"""Tests of framework/prove/keras_checks.py."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from framework.diagnose import explain, explain_keras
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.report.diagnosis import Diagnosis
from framework.prove import keras_checks
from framework.prove.keras_plan import Training

L = keras.layers
EPOCHS, BATCH = 2, 32


@pytest.fixture(scope="module")
def context():
    """Of a program with a dropout of .3, whose loss takes logits for probabilities."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            L.Flatten(),
            L.Dense(16, "relu"),
            L.Dropout(0.3),
            L.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy()
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])

    def diagnose(context, *_):
        return Diagnosis(None, (), context.measurements, (), {}, context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explain_keras, "diagnose", diagnose)
        parts = (x[:320], y[:320]), (x[320:], y[320:])
        return explain(model, *parts, epochs=EPOCHS).context


def training(change):
    epochs = EPOCHS * change.train_for_factor
    steps = round(epochs * 10 / change.batch_size_factor)
    return Training(change, epochs, steps)


@pytest.mark.parametrize(
    ("fields", "what", "is_met"),
    [
        ({"learning_rate_factor": 3.0}, "ratio of update_norm", True),
        ({"dropout": 0.8}, "root mean square distance", True),
        ({"dropout": 0.0}, "root mean square distance", True),
        # It has this rate already.
        ({"dropout": 0.3}, "root mean square distance", False),
        ({"weight_decay": 0.01}, "penalties of the weights", True),
        # It has none.
        ({"weight_decay": 0.0}, "penalties of the weights", False),
        ({"clip_norm": 1e-4}, "norm of the gradient", True),
        # Neither of the two steps has such a gradient; others may have.
        ({"clip_norm": 1e4}, "norm of the gradient", None),
        ({"batch_size_factor": 4.0}, "ratio of images per step", True),
        ({"consistent_loss": True}, "loss of the first examples", True),
        ({"width_factor": 2.0}, "parameters", True),
        ({"train_for_factor": 2.0}, "ratio of steps", True),
        ({"augment": "shift(.1)"}, "mean change of pixels", True),
        ({"balance": True}, "balance", None),
        # Nothing is left to unfreeze, but nothing would measure it either.
        ({"unfreeze": True}, "unfreeze", None),
    ],
)
def test_a_change_is_measured_on_the_program(context, fields, what, is_met):
    program = context.program
    layers = [layer.get_config() for layer in program.model.layers]
    optimizer, weights = program.model.optimizer, program.model.get_weights()
    change = Intervention(**fields)
    check = keras_checks.check(context, program, training(change))[0]
    assert check.what.startswith(what)
    assert check.is_met is is_met
    assert (check.reason != "") == (is_met is None)
    # The program is left as it was.
    assert program.model.optimizer is optimizer
    assert [layer.get_config() for layer in program.model.layers] == layers
    for own, now in zip(weights, program.model.get_weights(), strict=True):
        np.testing.assert_array_equal(own, now)


def test_each_field_of_a_change_has_a_line(context):
    change = Intervention(dropout=0.6, clip_norm=1e-4, shuffle=True)
    checks = keras_checks.check(context, context.program, training(change))
    assert [each.is_met for each in checks] == [True, True, None]
