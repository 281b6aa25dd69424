"""Tests of framework/diagnose/programs/keras_optimizers.py."""

import keras
import numpy as np
import pytest

from framework.diagnose.core.intervention import Intervention
from framework.diagnose.programs import keras_optimizers as lib


def schedule():
    return keras.optimizers.schedules.CosineDecay(0.5, 10, warmup_target=2.0)


def wrapped():
    return keras.optimizers.LossScaleOptimizer(
        keras.optimizers.Adam(0.01), initial_scale=8.0
    )


def test_a_wrapped_optimizer_has_the_rate_of_the_inner_one():
    optimizer = wrapped()
    assert lib.rate(optimizer) == pytest.approx(0.01)
    assert lib.has_loss_scale(optimizer)
    assert not lib.has_loss_scale(optimizer.inner_optimizer)
    assert lib.rate_variable(optimizer) is optimizer.inner_optimizer._learning_rate
    other = lib.changed_optimizer(optimizer, Intervention(learning_rate_factor=10.0))
    assert lib.rate(other) == pytest.approx(0.1)
    assert (type(other), other.initial_scale) == (type(optimizer), 8.0)
    assert lib.rate(optimizer) == pytest.approx(0.01)


def test_a_schedule_has_its_highest_rate():
    optimizer = keras.optimizers.SGD(schedule())
    assert lib.rate_variable(optimizer) is None
    expected = max(float(schedule()(step)) for step in range(10))
    assert lib.highest_rate(optimizer, 10) == pytest.approx(expected)
    assert lib.rate_at(optimizer, 3) == pytest.approx(float(schedule()(3)))


@pytest.mark.parametrize("make", [wrapped, lambda: keras.optimizers.Adam(0.01)])
def test_it_restarts_without_its_moments(make):
    optimizer = make()
    weight = keras.Variable(np.ones(2, np.float32))
    optimizer.build([weight])
    before = [variable.numpy().copy() for variable in optimizer.variables]
    optimizer.apply([np.full(2, 3.0, np.float32)], [weight])
    lib.restart(optimizer)
    for variable, value in zip(optimizer.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
