"""Tests of framework/report/time_spent.py."""

import time

import pytest

from framework.report import time_spent
from framework.report.timing import Timing


@pytest.fixture
def timing(monkeypatch):
    """The timing of 20 s: 12 of training, 4 of evaluation, 1 of checkpoints."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    timing = Timing(100, 32)
    timing.started(0)
    timing.advanced(100, 12.0)
    timing.spent("evaluation", 4.0)
    timing.spent("checkpoint", 1.0)
    now[0] = 20.0
    return timing


def test_the_seconds_are_divided_and_nothing_is_counted_twice(timing):
    seconds = time_spent.parts(timing, 3.0, 1.5, 7.0)
    assert seconds == {
        "waiting for input": 7.0,
        "steps": 2.0,
        "compilation": 4.5,
        "evaluation": 2.5,
        "checkpoints": 1.0,
        "other": 3.0,
    }
    assert time_spent.line(seconds) == (
        "20.0 s: 35% waiting for input, 10% steps, 22% compilation, 12% evaluation, "
        "5% checkpoints, 15% other; input-bound: images are read too slowly"
    )


def test_a_run_that_does_not_wait_is_not_input_bound(timing):
    line = time_spent.line(time_spent.parts(timing, 3.0, 1.5, 0.0))
    assert line == (
        "20.0 s: 45% steps, 22% compilation, 12% evaluation, 5% checkpoints, 15% other"
    )


def test_overlapping_measurements_are_never_negative(timing):
    # The first call of the step has waited for its images, too.
    seconds = time_spent.parts(timing, 11.0, 5.0, 7.0)
    assert min(seconds.values()) == 0


def test_nothing_has_no_line():
    assert time_spent.line({}) == time_spent.line({"steps": 0.0}) == ""
