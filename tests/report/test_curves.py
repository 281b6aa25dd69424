"""Tests of framework/report/curves.py."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from framework.report import curves
from framework.report.history import History


@pytest.fixture
def history(tmp_path):
    history = History(tmp_path / "metrics.jsonl")
    for step, value in ((10, 0.5), (20, 0.75)):
        history.append(step, {"epoch": step / 10, "validation/accuracy": value})
    return history


def test_a_line_for_each_metric_that_is_there(history):
    axes = curves.plot(history, ["validation/accuracy", "none"], Figure().subplots())
    (line,) = axes.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), [1, 2])
    np.testing.assert_array_equal(line.get_ydata(), [0.5, 0.75])
    assert axes.get_xlabel() == "epoch"


def test_without_epochs_over_steps(tmp_path):
    history = History(tmp_path / "metrics.jsonl")
    history.append(7, {"loss": 1.0})
    axes = curves.plot(history, ["loss"], Figure().subplots())
    assert axes.get_xlabel() == "step"


def test_equal_histories_have_equal_pictures(history):
    first, second = curves.svg(history), curves.svg(history)
    assert first.startswith("<svg")
    assert first.count("<path") == second.count("<path")
