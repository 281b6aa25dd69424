"""Tests of framework/system/waiting.py."""

import subprocess
import sys

import pytest

from framework.errors import UsageError, WorkerLostError
from framework.system import waiting
from framework.system.waiting import Wait


@pytest.mark.parametrize(
    ("text", "expected"), [("30s", 30.0), ("10m", 600.0), ("2h", 7200.0), (".5s", None)]
    + [(text, None) for text in ("", "10", "0s", "-1m", "10 m", "1d", "5%", "1ep")]
    + [("1.5m", 90.0), ("٣s", None), ("9" * 400 + "s", None), ("10m\n", None)],
)  # fmt: skip
def test_parse_seconds(text, expected):
    if expected:
        assert waiting.parse_seconds(text) == expected
        return
    with pytest.raises(UsageError, match="30s, 10m or 2h"):
        waiting.parse_seconds(text)


def test_prints_every_ten_seconds_and_times_out(capsys):
    wait = Wait(lambda: "worker b:2", 35.0, 0.0)
    over = [wait.is_over(float(now)) for now in range(36)]
    assert over == [False] * 35 + [True]
    assert capsys.readouterr().err.splitlines() == [
        f"waiting for worker b:2: {seconds} s of at most 35 s (--wait_for)"
        for seconds in (10, 20, 30)
    ]
    assert wait.failure.startswith("waited 35 s (--wait_for) for worker b:2; the same")


def test_the_wait_restarts_when_nothing_is_missing(capsys):
    missing = ["b"] * 9 + [""] + ["b"] * 20
    wait = Wait(lambda: missing.pop(0), 15.0, 0.0)
    assert [wait.is_over(float(now)) for now in range(30)].index(True) == 24
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(("now", "expected"), [(0, 10), (9, 1), (9.9, 0.2), (14, 0.2)])
def test_pause_until_the_next_check(now, expected):
    assert Wait(lambda: "b", 15.0, 0.0).pause(now) == expected


class Clock:
    """A clock that advances only in `sleep`."""

    def __init__(self):
        self.now = 0.0

    def sleep(self, duration):
        self.now += duration


def test_polling_ends_when_available_or_at_the_limit(capsys):
    clock, missing = Clock(), ["a", "a", ""]
    waiting.until_available(
        lambda: missing.pop(0), 5.0, 0.0, lambda: clock.now, clock.sleep
    )
    # With silent=0 the first line is printed at once.
    assert "waiting for a: 0 s" in capsys.readouterr().err
    with pytest.raises(WorkerLostError, match="waited 2 min 0 s"):
        waiting.until_available(
            lambda: "a", 120.0, 10.0, lambda: clock.now, clock.sleep
        )
    assert len(capsys.readouterr().err.splitlines()) == 11


def test_the_watchdog_ignores_a_block_that_ends_in_time(capsys):
    with waiting.watchdog(lambda: "a", 60.0):
        pass
    assert capsys.readouterr().err == ""


def test_the_watchdog_ends_a_block_that_never_ends():
    # Blocks as TensorFlow does, uninterruptible by signals.
    program = (
        "import sys, threading; from framework.system import waiting\n"
        "waiting.register_cleanup(lambda: print('cleaned', file=sys.stderr))\n"
        "with waiting.watchdog(lambda: 'worker b:2', 0.01): threading.Event().wait()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert done.returncode == 75
    assert done.stderr.splitlines()[0] == "cleaned"
    assert done.stderr.splitlines()[1].startswith("error: waited 0 s (--wait_for) for")
