"""Tests of framework/report/compiling.py."""

import io

import pytest
from rich.console import Console as RichConsole

from framework.report.compiling import Compiling
from framework.report.console import Console
from framework.report.timing import Timing


class Moments:
    """A clock, and timers that go off when the test says so."""

    def __init__(self):
        self.now, self.timers = 0.0, []

    def start(self, seconds, function):
        entry = (self.now + seconds, function)
        self.timers.append(entry)
        return lambda: self.timers.remove(entry) if entry in self.timers else None

    def pass_by(self, seconds):
        self.now += seconds
        for entry in [each for each in self.timers if each[0] <= self.now]:
            self.timers.remove(entry)
            entry[1]()


def compiling(is_terminal):
    moments, lines = Moments(), []
    report = Compiling(lines.append, is_terminal, lambda: moments.now, moments.start)
    return report, moments, lines


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (3, []),
        (7, ["compiling the step ... 7 s", "compiled the step in 7 s"]),
    ],
)
def test_without_a_terminal_a_long_compilation_has_two_lines(seconds, expected):
    report, moments, lines = compiling(is_terminal=False)
    report.began("the step")
    moments.pass_by(seconds)
    report.ended(seconds)
    moments.pass_by(60)
    assert lines == expected


def test_on_a_terminal_the_bar_asks_for_the_seconds():
    report, moments, lines = compiling(is_terminal=True)
    assert report.text() == ""
    report.began("the step")
    moments.pass_by(12.4)
    assert report.text() == "compiling the step ... 12 s"
    assert lines == []
    report.ended(12.4)
    assert report.text() == ""
    assert lines == ["compiled the step in 12 s"]


def test_the_bar_of_the_console_shows_it():
    file = io.StringIO()
    screen = RichConsole(file=file, force_terminal=True, width=80)
    console = Console(1000, 100, "validation/accuracy", Timing(1000, 32), screen)
    console.started(0)
    console.compiling.began("the training step")
    console.advanced(0, 0.0)
    console.stopped()
    assert "compiling the training step ... 0 s" in file.getvalue()
