"""Tests of framework/diagnose/programs/loop_functions.py."""

import numpy as np
import pytest

from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs.loop_functions import LoopFunctions
from framework.errors import UsageError


def functions(outputs=None):
    """Functions of a loop whose `train` takes a rate and a batch size."""

    def train(model, data, epochs, learning_rate=0.5, batch_size=10):
        return None

    return LoopFunctions(
        build=lambda dropout=0.1: [],
        train=train,
        predict=lambda model, images: outputs,
    )


@pytest.mark.parametrize(
    ("intervention", "arguments"),
    [
        (Intervention(), {}),
        (Intervention(learning_rate_factor=0.1), {"learning_rate": 0.05}),
        (Intervention(constant_learning_rate=2.0), {"learning_rate": 2.0}),
        (Intervention(batch_size_factor=0.5), {"batch_size": 5}),
        (Intervention(dropout=0.0), {"dropout": 0.0}),
        # These change the data.
        (Intervention(standardize=True, balance=True, seed=3), {}),
    ],
)
def test_an_intervention_is_what_train_and_build_take(intervention, arguments):
    assert functions().arguments(intervention, 0.5, 10) == pytest.approx(arguments)


def test_what_they_do_not_take_is_not_applicable():
    with pytest.raises(NotApplicableError, match="takes no weight_decay"):
        functions().arguments(Intervention(weight_decay=0.1), 0.5, 10)
    with pytest.raises(NotApplicableError, match="has no default value"):
        functions().arguments(Intervention(learning_rate_factor=0.1), 0.0, 10)


def test_defaults_are_those_of_the_signatures():
    names = ("learning_rate", "dropout", "weight_decay")
    assert [functions().default(name) for name in names] == [0.5, 0.1, None]


@pytest.mark.parametrize("outputs", [np.zeros((3, 4)), np.zeros((4, 2, 2))])
def test_outputs_of_another_shape_are_refused(outputs):
    with pytest.raises(UsageError, match="must return logits or probabilities"):
        functions(outputs).outputs([], np.zeros((4, 2)), training=False)


def test_training_mode_needs_the_argument():
    with pytest.raises(NotApplicableError, match=r"predict\(\) takes no training"):
        functions(np.zeros((4, 3))).outputs([], np.zeros((4, 2)), training=True)
