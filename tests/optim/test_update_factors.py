"""Tests of framework/optim/update_factors.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.optim import optimizers
from framework.optim.update_factors import UpdateFactors


def trained(name, steps, factors=(), frozen_until=()):
    """Returns the values of four weights before and after updates."""
    start = np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)
    variables = [keras.Variable(start) for _ in range(4)]
    optimizer = optimizers.build(f"{name}(weight_decay=.1)")()
    optimizers.prepare(optimizer, variables)
    optimizers.set_learning_rate(optimizer, 0.1)
    updates = UpdateFactors(variables, factors, frozen_until)
    for step in range(steps):
        gradients = [tf.constant(start) * (step + 1.0) for _ in updates.variables]
        updates.apply(optimizer, gradients, tf.constant(step, tf.int64))
    return start, [variable.numpy() for variable in variables]


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_the_factor_is_of_the_update_and_frozen_bits_stay(name):
    """Of all optimizers, with weight decay, which is part of the update."""
    _, plain = trained(name, 1)
    frozen = {"factors": (1.0, 0.25, 1.0, 1.0), "frozen_until": (0, 0, 3, None)}
    start, once = trained(name, 1, **frozen)
    assert np.array_equal(once[0], plain[0])
    assert not np.array_equal(plain[0], start)
    np.testing.assert_allclose(once[1] - start, 0.25 * (plain[1] - start), rtol=1e-4)
    _, before = trained(name, 3, **frozen)
    assert np.array_equal(before[2], start)
    assert np.array_equal(before[3], start)
    _, after = trained(name, 4, **frozen)
    assert not np.array_equal(after[2], start)
    assert np.array_equal(after[3], start)
    # Its moments have been kept up to date: a usual step, not a burst.
    size = np.abs(after[2] - start).max()
    assert size <= 1.5 * np.abs(after[0] - before[0]).max()


def test_gradients_are_clipped_by_the_norm_of_what_is_trained():
    variables = [keras.Variable([0.0]), keras.Variable([0.0])]
    updates = UpdateFactors(variables, frozen_until=(0, 5))
    gradients = [tf.constant([3.0]), tf.constant([4.0])]
    clipped = updates.clipped(gradients, 1.5, tf.constant(4, tf.int64))
    np.testing.assert_allclose(clipped[0], [1.5])
    clipped = updates.clipped(gradients, 2.5, tf.constant(5, tf.int64))
    np.testing.assert_allclose(clipped, [[1.5], [2.0]])
