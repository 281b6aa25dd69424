"""Tests of framework/launch/differences.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.launch.differences import (
    Difference,
    of_arrays,
    of_predictions,
    of_rows,
)
from framework.numerics.metrics import Predictions


@pytest.mark.parametrize(
    ("kept", "recomputed", "expected"),
    [
        ({"a": np.zeros(2)}, {"a": np.zeros(2)}, None),
        # Bits, not numbers.
        ({"a": np.float32(0)}, {"a": -np.float32(0)}, ("a", "0.0, recomputed -0.0")),
        ({"a": np.full(2, np.nan)}, {"a": np.full(2, np.nan)}, None),
        # Earlier versions had 32-bit counters, and fewer variables.
        ({"a": np.int32(7)}, {"a": np.int64(7)}, None),
        ({}, {"schedule/0/scale": np.ones(1)}, None),
        ({}, {"model/0": np.ones(1)}, ("model/0", "missing")),
        ({"b": np.ones(1)}, {}, ("b", "unexpected")),
        (
            {"a": np.zeros((2, 3), np.float32)},
            {"a": np.eye(2, 3, dtype=np.float32)},
            ("a", "2 of 6 values differ, first [0, 0]: 0.0, recomputed 1.0"),
        ),
        (
            {"a": np.zeros(2, np.float32)},
            {"a": np.zeros(3, np.float32)},
            ("a", "float32 [2], recomputed float32 [3]"),
        ),
        (
            {"a": np.zeros(1), "b": np.zeros(1), "c": np.zeros(1)},
            {"a": np.zeros(1), "b": np.ones(1), "c": np.ones(1)},
            ("b", "0.0, recomputed 1.0 (and 1 more arrays)"),
        ),
    ],
)
def test_the_first_array_that_differs_is_named(kept, recomputed, expected):
    assert of_arrays(kept, recomputed) == expected


def test_bfloat16_is_compared_as_it_is_stored():
    value = tf.constant([1.5], tf.bfloat16).numpy()
    assert of_arrays({"a": np.float32([1.5])}, {"a": value}) is None
    assert of_arrays({"a": np.float32([1.25])}, {"a": value})[0] == "a"


def test_metrics_that_differ():
    assert of_rows({"step": 1, "loss": float("nan")}, {"step": 1, "loss": np.nan}) == []
    assert of_rows({"loss": 1.0}, {"loss": 1.0, "lr": 0.1}) == [
        "lr: missing, recomputed 0.1"
    ]
    assert of_rows({"a\x1b": 1.0}, {})[0].startswith("a\\x1b: 1.0, recomputed missing")


def predictions(**changes):
    arrays = {
        "labels": np.zeros(2, np.int32),
        "predicted": np.zeros(2, np.int32),
        "rank": np.zeros(2, np.int32),
        "confidence": np.ones(2, np.float32),
        "losses": np.ones(2, np.float32),
    }
    return Predictions(**{**arrays, **changes})


def test_predictions_that_differ():
    assert of_predictions(predictions(rank=None), predictions()) is None
    name, detail = of_predictions(predictions(losses=np.float32([1, 2])), predictions())
    assert (name, detail) == (
        "losses",
        "1 of 2 values differ, first [1]: 2.0, recomputed 1.0",
    )


def test_a_difference_says_where_it_is():
    text = str(
        Difference("metrics.jsonl", 1200, "loss", "1.0, recomputed 2.0", start=7)
    )
    assert text == "metrics.jsonl, step 1,200: loss: 1.0, recomputed 2.0 from step 7"
    assert str(Difference("data.json", None, "", "other")) == "data.json: other"
