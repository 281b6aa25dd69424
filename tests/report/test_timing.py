"""Tests of framework/report/timing.py."""

import time

import pytest

from framework.report.timing import Timing


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test advances."""
    now = [1000.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


@pytest.mark.parametrize("first", [0, 500])
def test_counts_from_where_the_run_was_started_or_resumed(clock, first):
    timing = Timing(total_steps=first + 400, batch_size=32)
    # Reading the data does not count.
    clock[0] += 60
    timing.started(first)
    for step in (40, 100):
        clock[0] += 4
        timing.advanced(first + step, 4.0)
    # Two seconds of evaluation.
    clock[0] += 2
    assert timing.training == 8.0
    assert timing.total == 10.0
    assert timing.images == 3200
    assert timing.images_per_second == 400.0
    # 300 more steps, with evaluations.
    assert timing.left == pytest.approx(30.0)


def test_the_speed_is_that_since_the_last_evaluation(clock):
    timing = Timing(100, 10)
    timing.started(0)
    timing.advanced(4, 4.0)
    timing.evaluated(4, {}, {})
    # Later reports still see the speed before the evaluation.
    assert timing.images_per_second == 10.0
    timing.advanced(8, 0.5)
    assert timing.images_per_second == 80.0


def test_before_anything_is_known_there_is_no_error(clock):
    timing = Timing(100, 32)
    timing.started(0)
    assert (timing.images, timing.images_per_second, timing.left) == (0, 0, 0)


def test_other_time_is_added_up_by_what_it_is():
    timing = Timing(10, 32)
    for what, seconds in [("evaluation", 1.0), ("checkpoint", 2.0), ("evaluation", 3)]:
        timing.spent(what, seconds)
    assert timing.other == {"evaluation": 4.0, "checkpoint": 2.0}


def test_at_the_end_nothing_is_left(clock):
    timing = Timing(10, 32)
    timing.started(0)
    clock[0] += 5
    timing.advanced(10, 5.0)
    assert timing.left == 0
