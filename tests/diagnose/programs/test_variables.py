"""Tests of framework/diagnose/programs/variables.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.diagnose.programs.variables import assign, restoring, values


def test_values_are_restored_after_an_exception():
    variables = [tf.Variable([1.0, 2.0]), keras.Variable(3.0)]
    before = values(variables)

    def fail():
        with restoring(variables):
            assign(variables, [np.zeros(2), 0.0])
            assert not any(np.any(value) for value in values(variables))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [value.tolist() for value in values(variables)] == [[1.0, 2.0], 3.0]
    # They are copies.
    assert before[0].tolist() == [1.0, 2.0]
