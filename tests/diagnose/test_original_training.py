"""Tests of framework/diagnose/original_training.py; `explain` tests the training."""

import pytest

from framework.diagnose.original_training import evaluated_epochs
from framework.errors import UsageError


@pytest.mark.parametrize(
    ("first", "epochs", "frequency", "evaluated"),
    [
        (0, 3, 1, {0, 1, 2}),
        (0, 5, 2, {1, 3}),
        (2, 5, 2, {3}),
        # As in fit, a list has the numbers of epochs, counted from 1.
        (0, 4, [1, 3, 9], {0, 2}),
    ],
)
def test_epochs_are_evaluated_as_in_fit(first, epochs, frequency, evaluated):
    assert evaluated_epochs(first, epochs, frequency) == evaluated


@pytest.mark.parametrize(("epochs", "frequency"), [(2, 3), (0, 1), (2, [])])
def test_without_an_evaluation_there_is_nothing_to_explain(epochs, frequency):
    with pytest.raises(UsageError, match="no epoch is evaluated"):
        evaluated_epochs(0, epochs, frequency)
