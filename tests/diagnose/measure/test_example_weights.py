"""Tests of framework/diagnose/measure/example_weights.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.core.measurement import UnavailableError
from framework.diagnose.measure.example_weights import ExampleWeights

LABELS = np.repeat(np.arange(4, dtype=np.int32), 25)
SPLIT = Split(np.random.default_rng(0).random((100, 8, 8, 1)), LABELS)


def measured(context, weights):
    given = {} if weights is None else {"train": np.asarray(weights, np.float32)}
    return context(SPLIT, SPLIT, weights=given).get(ExampleWeights)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (np.ones(100), {"effective": 1.0, "cancelled": 0, "zero": 0}),
        # Kish's number: of two of a hundred, a fiftieth is left.
        (np.eye(100)[0] + np.eye(100)[50], {"effective": 0.02, "cancelled": 2}),
        (np.zeros(100), {"effective": 0.0, "cancelled": 0, "zero": 100}),
        (LABELS > 0, {"cancelled": 1, "zero": 25, "cancelled_examples": 0.25}),
        (np.where(LABELS == 3, 1e-6, 1), {"cancelled": 1, "zero": 0}),
        # Weights that balance classes leave none out.
        (np.where(LABELS == 3, 0.1, 1), {"cancelled": 0}),
        (np.where(LABELS == 3, -1, 1), {"negative": 25, "cancelled": 1}),
        (np.where(np.arange(100) == 7, np.nan, 1), {"not_finite": 1, "cancelled": 0}),
        (np.where(np.arange(100) == 7, np.inf, 1), {"not_finite": 1}),
    ],
)
def test_weights_are_counted(context, weights, expected):
    result = measured(context, weights)
    assert {name: getattr(result, name) for name in expected} == pytest.approx(expected)


def test_the_classes_that_are_left_out_are_named(context):
    assert measured(context, LABELS == 2).cancelled_names == "class0, class1, class3"


def test_without_weights_there_is_nothing_to_measure(context):
    with pytest.raises(UnavailableError, match="have no weights"):
        measured(context, None)
