"""Tests of framework/loop/plan.py."""

import time

import pytest

from framework.loop.plan import Pace, Plan
from framework.report.history import History


def plan(**changes):
    intervals = {"log_every": 5, "evaluate_every": 10, "checkpoint_every": 20}
    return Plan(**({"total_steps": 47, "steps_per_epoch": 8} | intervals | changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # Logging, evaluations and epoch ends; then the end of the run.
        (
            {},
            [5, 8, 10, 15, 16, 20, 24, 25, 30, 32, 35, 40, 45, 47],
        ),
        ({"log_every": 100, "evaluate_every": 100}, [8, 16, 20, 24, 32, 40, 47]),
        ({"log_every": 1, "total_steps": 3}, [1, 2, 3]),
        # Everything due at once is one event.
        (
            {"log_every": 8, "evaluate_every": 8, "checkpoint_every": 16},
            range(8, 41, 8),
        ),
    ],
)
def test_events(changes, expected):
    actual, step = [], 0
    while step < plan(**changes).total_steps:
        step = plan(**changes).next_event(step)
        actual.append(step)
    assert actual[: len(expected)] == list(expected)
    assert actual[-1] == plan(**changes).total_steps


def test_training_can_be_ended_between_events():
    paused = plan(halt=12)
    assert [paused.next_event(step) for step in (8, 10, 11, 12)] == [10, 12, 12, 15]
    assert not paused.logs(12)
    assert plan(halt=99).next_event(45) == 47


def test_is_event_where_something_is_due_or_an_epoch_ends():
    actual = [step for step in range(1, 48) if plan().is_event(step)]
    assert actual == [5, 8, 10, 15, 16, 20, 24, 25, 30, 32, 35, 40, 45, 47]


def test_what_is_due():
    due = {
        name: [step for step in range(1, 48) if getattr(plan(), name)(step)]
        for name in ("logs", "evaluates", "saves")
    }
    # All events are due at the last step.
    assert due["evaluates"] == [10, 20, 30, 40, 47]
    assert due["logs"] == [5, 10, 15, 20, 25, 30, 35, 40, 45, 47]
    assert due["saves"] == [20, 40, 47]


def test_an_evaluation_always_logs_but_measures_no_step():
    assert plan(log_every=7).logs(10)
    assert not plan(log_every=7).measures(10)
    measured = [step for step in range(1, 48) if plan(log_every=15).measures(step)]
    assert measured == [15, 30, 45, 47]


@pytest.fixture
def history(tmp_path):
    def make(values, name="validation/accuracy"):
        history = History(tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl")
        for index, value in enumerate(values):
            history.append(10 * (index + 1), {name: value})
        return history

    return make


@pytest.mark.parametrize(
    ("stopping", "accuracies", "expected"),
    [
        (0, [0.5] * 9, False),
        (2, [], False),
        (2, [0.5], False),
        (2, [0.5, 0.5], False),
        # Two evaluations without improvement.
        (2, [0.5, 0.5, 0.5], True),
        (2, [0.5, 0.4, 0.4], True),
        (2, [0.5, 0.4, 0.6], False),
        (2, [0.5, 0.4, 0.6, 0.5], False),
        (2, [0.5, 0.4, 0.6, 0.5, 0.6], True),
        (1, [0.5, 0.5], True),
        # NaN is no improvement.
        (2, [0.5, float("nan"), float("nan")], True),
        (2, [float("nan"), 0.1], False),
        (2, [float("nan")] * 3, True),
    ],
)
def test_early_stopping(history, stopping, accuracies, expected):
    assert plan(early_stopping=stopping).is_over(30, history(accuracies)) == expected


def test_early_stopping_by_a_loss(history):
    by_loss = plan(early_stopping=2, monitor="validation/loss")
    falling = history([3.0, 2.0, 1.0], "validation/loss")
    rising = history([1.0, 2.0, 3.0], "validation/loss")
    assert not by_loss.is_over(30, falling)
    assert by_loss.is_over(30, rising)


def test_is_over_at_the_last_step(history):
    assert not plan().is_over(46, history([]))
    assert plan().is_over(47, history([]))
    assert plan().is_over(48, history([]))


@pytest.fixture
def call(monkeypatch):
    """Simulates a call of steps that take a number of seconds each."""
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def call(pace, count, seconds):
        with pace.timed(count):
            now[0] += count * seconds

    return call


def test_pace_begins_with_one_step_and_grows_tenfold(call):
    pace = Pace()
    limits = []
    for _ in range(6):
        limits.append(pace.limit)
        call(pace, pace.limit, 0.0001)
    # Until a call takes two seconds.
    assert limits[:5] == [1, 10, 100, 1000, 10_000]
    assert limits[5] == pytest.approx(20_000, rel=0.01)


def test_pace_slows_down_with_the_steps(call):
    pace = Pace()
    for _ in range(3):
        call(pace, pace.limit, 0.001)
    assert pace.limit == 1000
    call(pace, 1000, 0.01)
    assert pace.seconds == pytest.approx(10.0)
    assert pace.limit == pytest.approx(200, abs=1)
    # The slowest steps are called one at a time.
    call(pace, 1, 60.0)
    assert pace.limit == 1


def test_a_short_call_is_no_reason_for_short_ones(call):
    pace = Pace()
    for _ in range(4):
        call(pace, pace.limit, 0.001)
    call(pace, 1, 0.001)
    assert pace.limit == pytest.approx(2000, abs=1)


@pytest.mark.parametrize("most", [1, 7])
def test_pace_never_asks_for_more_than_the_most(call, most):
    pace = Pace(most)
    for _ in range(4):
        call(pace, pace.limit, 0.0)
        assert 1 <= pace.limit <= most
    assert pace.limit == most


def test_calls_end_at_pauses_where_nothing_is_due():
    plan = Plan(100, 50, 20, 50, 50, pauses=(10, 25))
    ends, step = [], 0
    while step < 50:
        step = plan.next_pause(step)
        ends.append(step)
    assert ends == [10, 20, 25, 40, 50]
    assert not plan.is_event(10)
    assert plan.is_event(20)
