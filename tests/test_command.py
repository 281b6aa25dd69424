"""Tests of framework/command.py."""

import sys

import pytest

from framework import command
from framework.errors import RunError, UsageError


def left(main, monkeypatch, *arguments):
    """Returns the exit code."""
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    with pytest.raises(SystemExit) as stop:
        command.run(main)
    return stop.value.code


def test_gets_what_is_no_flag(monkeypatch):
    seen = []
    assert left(seen.extend, monkeypatch, "a", "b") == 0
    assert seen == ["a", "b"]


@pytest.mark.parametrize(
    ("problem", "code"),
    [(UsageError("wrong"), 2), (RunError("bad"), 1), (OSError("no disk"), 1)],
)
def test_a_problem_is_one_line(problem, code, monkeypatch, capsys):
    def main(arguments):
        raise problem

    assert left(main, monkeypatch) == code
    assert capsys.readouterr().err == f"error: {problem}\n"


def test_a_misspelt_flag_is_one_line(monkeypatch, capsys):
    assert left(print, monkeypatch, "--no_such_flag_at_all=1") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: Unknown command line flag")
