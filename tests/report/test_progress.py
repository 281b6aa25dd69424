"""Tests of framework/report/progress.py."""

import io

import pytest

from framework.report.progress import ProgressLine


class Terminal(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_on_a_terminal_there_is_one_line(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal(True)
    with ProgressLine(stream, clock) as line:
        line("checking dead_units: 1 of 30; 60 s of trials left")
        clock.now = 2.0
        line("trial")
    text = stream.getvalue()
    assert "\n" not in text
    # No longer than the terminal, where it would wrap; and erased at the end.
    assert [len(each) for each in text.split("\x1b[K")] == [20, 11, 1, 0]
    assert "\r2 s: trial" in text


def test_in_a_file_short_steps_are_left_out(clock):
    stream = Terminal(False)
    with ProgressLine(stream, clock) as line:
        line("predicting all images")
        line("checking dead_units: 1 of 30")
        clock.now = 9.0
        line("checking label_noise: 2 of 30")
        clock.now = 12.0
        line("checking overfitting: 3 of 30")
        line("trial of overfitting: 3 epochs; 40 s left")
    assert stream.getvalue() == (
        "0 s: predicting all images\n"
        "12 s: checking overfitting: 3 of 30\n"
        "12 s: trial of overfitting: 3 epochs; 40 s left\n"
    )
