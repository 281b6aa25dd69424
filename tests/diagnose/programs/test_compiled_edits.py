"""Tests of framework/diagnose/programs/compiled_edits.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.diagnose.core.intervention import Intervention
from framework.diagnose.programs.compiled_edits import changed


@pytest.fixture
def model():
    """A model whose own loss and step are constants."""
    dense = keras.layers.Dense(3, "softmax", kernel_regularizer=keras.regularizers.L2())
    model = keras.Sequential([keras.Input((4,)), dense])
    model.compile("sgd", lambda y, outputs: 0.0 * outputs)
    model.train_step = lambda data: {}
    return model


@pytest.mark.parametrize("form", [lambda y: y, lambda y: np.eye(3)[y]])
def test_a_consistent_loss_is_the_cross_entropy_of_logits_with_penalties(model, form):
    x, y = np.random.default_rng(0).random((5, 4), np.float32), np.arange(5) % 3
    wanted = keras.losses.sparse_categorical_crossentropy(y, model(x))
    wanted = float(tf.reduce_mean(wanted) + model.losses[0])
    own = dict(vars(model))
    with changed(model, Intervention(consistent_loss=True)) as (other, optimizer):
        loss = other.compute_loss(x, tf.constant(form(y)), other(x))
        assert float(loss) == pytest.approx(wanted, rel=1e-4)
        assert optimizer is not model.optimizer
    assert vars(model)["train_step"] is own["train_step"]
    assert "compute_loss" not in vars(model)


def test_a_plain_step_takes_the_place_of_the_programs_own(model):
    own = model.train_step
    with changed(model, Intervention(keras_step=True)) as (other, _):
        assert other.train_step.__func__ is keras.Model.train_step
    assert model.train_step is own
