"""Tests of framework/diagnose/array_context.py."""

import numpy as np
import pytest

from framework.diagnose.array_context import array_context
from framework.diagnose.programs.keras_batches import Examples
from framework.diagnose.programs.loop_functions import LoopFunctions
from framework.diagnose.programs.loop_program import LoopProgram


@pytest.mark.parametrize(
    ("outputs", "classes"),
    # A unit for each class, also without examples; one output of two classes.
    [(5, 5), (0, 4), (1, 4)],
)
def test_classes_are_those_of_labels_and_outputs(outputs, classes, settings):
    x, y = np.zeros((8, 2, 2, 1), np.float32), np.arange(8) % 4
    functions = LoopFunctions(build=list, train=print, predict=print)
    program = LoopProgram(functions, (x, y), 0, 0.0, 4)
    train = Examples(x, np.eye(4)[y], np.ones(8, np.float32))
    held_out = Examples(x[:3], np.array([0.0, np.nan, 2.0]))
    context = array_context(
        program, train, held_out, [], [], settings(), outputs, is_ordered=True
    )
    assert context.num_classes == classes
    assert context.train.labels.tolist() == y.tolist()
    # Labels are legal there, and as they were given here.
    assert context.validation.labels.tolist() == [0, 0, 2]
    assert np.isnan(context.labels["validation"]).sum() == 1
    assert context.first_epoch_labels.tolist() == y.tolist()
    assert list(context.weights) == ["train"]
    assert len(program.validation_images) == 3
