"""Tests of framework/diagnose/programs/metric_names.py."""

import pytest

from framework.diagnose.programs.metric_names import named


@pytest.mark.parametrize(
    ("reported", "accuracy"),
    [
        ({"accuracy": 0.5, "loss": 1.0}, 0.5),
        ({"acc": 0.5}, 0.5),
        ({"sparse_categorical_accuracy": 0.5}, 0.5),
        # Of the five best it is something else.
        ({"sparse_top_k_categorical_accuracy": 0.9, "accuracy": 0.5}, 0.5),
        ({"top_k_categorical_accuracy": 0.9}, None),
        ({"loss": 1.0}, None),
        ({"accuracy_of_mine": 0.5}, None),
    ],
)
def test_what_is_taken_for_accuracy(reported, accuracy):
    metrics = named("validation", reported)
    assert metrics.get("validation/accuracy") == accuracy
    assert all(metrics[f"validation/{name}"] == reported[name] for name in reported)
