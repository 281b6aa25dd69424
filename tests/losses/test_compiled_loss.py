"""Tests of framework/losses/compiled_loss.py."""

import keras
import pytest

from framework.errors import UsageError
from framework.losses import compiled_loss


def compiled(loss):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile(loss=loss)
    return model


def own(y, z):
    return z


SMOOTH = keras.losses.CategoricalCrossentropy(True, label_smoothing=0.1)


@pytest.mark.parametrize(
    ("loss", "text", "smoothing", "other"),
    [
        (None, "focal", 0.0, ""),
        ("sparse_categorical_crossentropy", "cross_entropy", 0.0, ""),
        (keras.losses.SparseCategoricalCrossentropy(True), "cross_entropy", 0.0, ""),
        (keras.losses.categorical_crossentropy, "cross_entropy", 0.0, ""),
        (SMOOTH, "cross_entropy", 0.1, ""),
        (SMOOTH, "cross_entropy(label_smoothing=.1)", 0.0, ""),
        ("binary_crossentropy", "binary_cross_entropy", 0.0, ""),
        (SMOOTH, "cross_entropy", 0.0, r"CategoricalCrossentropy\(label_smoothing=0.1"),
        ("sparse_categorical_crossentropy", "focal", 0.0, "sparse_categorical_cross"),
        ("mse", "cross_entropy", 0.0, "mean_squared_error"),
        (keras.losses.CategoricalFocalCrossentropy(), "focal", 0.0, "Categ"),
        (own, "cross_entropy", 0.0, "own"),
    ],
    # Not the losses themselves: their text has an address, other in each process.
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_another_loss_than_that_of_the_run_is_refused(loss, text, smoothing, other):
    model = compiled(loss)
    if not other:
        compiled_loss.check(model, text, smoothing)
        return
    with pytest.raises(UsageError, match=f"compiled with the loss {other}"):
        compiled_loss.check(model, text, smoothing)


def test_a_model_that_is_not_compiled_fits_any_loss():
    compiled_loss.check(keras.Sequential([keras.layers.Dense(2)]), "focal", 0.0)
