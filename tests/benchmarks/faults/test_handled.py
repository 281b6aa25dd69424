"""Tests of benchmarks/faults/handled.py."""

import pytest

from benchmarks.faults import handled
from benchmarks.faults.fork_server import Outcome

TRACEBACK = b"""Traceback (most recent call last):
  File "/somewhere/framework/config/spec.py", line 5, in build
    raise KeyError
KeyError: 'x'
"""


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "problem"),
    [
        (2, b"", b"error: bad\n", None),
        (1, b"some lines\n", b"error: bad\n", None),
        (None, b"", b"", "hangs"),
        (-6, b"", b"", "dies of signal 6"),
        (1, b"", TRACEBACK, "traceback: KeyError by framework/config/spec.py"),
        (0, b"", b"", "exit code 0, not 1 or 2"),
        (2, b"", b"", "exit code 2 without a word"),
        (2, b"", b"error: \x1b[2J\n", "raw control character '\\x1b' on stderr"),
        (1, b"a\rb", b"error\n", "raw control character '\\r' on stdout"),
        (1, b"\xff", b"error\n", "stdout is not UTF-8"),
        (1, b"", b"error\n" * 13, "more than 12 lines on stderr"),
        # What a diagnosis is doing.
        (1, b"", b"measuring ...\n" * 13 + b"error\n", None),
    ],
)
def test_what_is_no_handling_of_a_fault(code, stdout, stderr, problem):
    outcome = Outcome(code, stdout, stderr, 0.0)
    assert handled.problem(outcome, {1, 2}) == problem


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda run: None, None),
        (lambda run: (run / "a.txt").write_text("x"), None),
        (lambda run: (run / "a.txt").write_text("y"), "changed: a.txt"),
        (lambda run: (run / "a.txt").unlink(), "lost: a.txt"),
        (lambda run: (run / "b.txt").touch(), "added: b.txt"),
        (lambda run: (run / "free" / "b.txt").touch(), None),
        (lambda run: (run / "step-00000012.npz").touch(), "added: step-N.npz"),
        (
            lambda run: [(run / "b.txt").touch(), (run / "a.txt").unlink()],
            "lost: a.txt",
        ),
    ],
)
def test_what_has_changed_in_a_folder(tmp_path, change, expected):
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "free").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    before = handled.listing(tmp_path)
    change(tmp_path)
    assert handled.changes(before, handled.listing(tmp_path), ("free",)) == expected
