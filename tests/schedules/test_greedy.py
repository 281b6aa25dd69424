"""Tests of framework/schedules/greedy.py."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from framework.errors import UsageError
from framework.schedules import Greedy

GOLDEN = pathlib.Path(__file__).parents[1] / "golden/schedules/plateau.json"


def test_matches_transformers():
    cases = json.loads(GOLDEN.read_text())["cases"]
    golden = next(case for case in cases if case["id"] == "hf_greedy")
    greedy = Greedy(factor=0.5, patience=1, min_scale=0.1, max_scale=4.0)
    state, rates = greedy.new_state(), []
    for index, metric in enumerate(golden["metrics"]):
        greedy.observe(state, tf.constant(float(metric)))
        rates.append(0.1 * float(state["scale"]))
        counts = (float(state["bad"]), float(state["good"]))
        assert counts == tuple(golden["state"][index][1:])
    np.testing.assert_allclose(rates, golden["lr"], rtol=1e-6)


@pytest.mark.parametrize(
    "settings", [{"factor": 1.0}, {"patience": -1}, {"max_scale": 0.5}]
)
def test_refuses_values_out_of_range(settings):
    with pytest.raises(UsageError):
        Greedy(**settings)
