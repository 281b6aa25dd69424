"""Tests of framework/config/command.py."""

import errno
import os
import pathlib
import signal
import subprocess
import sys

import pytest
from absl import flags, logging
from absl.testing import flagsaver

from framework.config import command
from framework.errors import RunError, Stopped, UsageError, WorkerLostError

ROOT = pathlib.Path(__file__).parents[2]


def left(main, monkeypatch, *arguments):
    """Runs a command; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    with flagsaver.flagsaver(), pytest.raises(SystemExit) as stop:
        command.run(main)
    return stop.value.code


def test_gets_what_is_no_flag(monkeypatch):
    seen = []
    assert left(seen.extend, monkeypatch, "a", "b") == 0
    assert seen == ["a", "b"]


FULL = "No space left on device: /x; free some space, then rerun the same command to"


@pytest.mark.parametrize(
    ("problem", "code", "message"),
    [
        (UsageError("wrong"), 2, "error: wrong\n"),
        (flags.Error("wrong"), 2, "error: wrong\n"),
        (RunError("bad"), 1, "error: bad\n"),
        (WorkerLostError("lost"), 75, "error: lost\n"),
        (Stopped("stopped by SIGTERM"), 75, "stopped by SIGTERM\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""),
        (OSError("no disk"), 1, "error: tests/config/test_command.py:"),
        (ValueError("no"), 1, "error: tests/config/test_command.py:"),
        (UsageError("a\x1b[31m\n    b\r"), 2, "error: a\\x1b[31m\n    b\\r\n"),
        (RunError("\udcff"), 1, "error: \\udcff\n"),
    ],
)
def test_a_problem_is_one_line(problem, code, message, monkeypatch, capsys):
    def main(arguments):
        raise problem

    assert left(main, monkeypatch) == code
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert bool(message) == bool(error)
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), FULL),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied: runs/a"),
        (OSError("no disk"), "OSError: no disk"),
        (MemoryError(), "there is not enough memory: MemoryError"),
        (KeyError("x"), "internal error: KeyError: 'x'; please report it with"),
    ],
)
def test_what_is_nobodys_own(problem, message):
    # The exception was not raised, so its traceback has no file of the user's own.
    code, text = command.exit_code(problem, "runs/a")
    assert code == 1
    assert text.startswith(f"error: {message}")


def test_tensorflow_says_it_in_one_line():
    import tensorflow as tf

    text = "{{function_node __wrapped__X}} /a; Permission denied\n\t [[{{node X}}]] [Op"
    code, message = command.exit_code(tf.errors.PermissionDeniedError(None, None, text))
    assert (code, message) == (1, "error: PermissionDeniedError: /a; Permission denied")
    code, message = command.exit_code(
        tf.errors.ResourceExhaustedError(None, None, "OOM")
    )
    assert message.startswith("error: there is not enough memory")


def test_traceback_shows_all(monkeypatch, capsys):
    def main(arguments):
        raise UsageError("wrong\x1b")

    assert left(main, monkeypatch, "--traceback") == 2
    error = capsys.readouterr().err
    assert error.startswith("Traceback (most recent call last):\n")
    assert error.endswith("\nerror: wrong\\x1b\n")
    assert "\x1b" not in error


def test_a_warning_has_no_control_characters(caplog):
    with command.boundary():
        logging.warning("%s cannot be read", "\x1b[2J.npz")
    assert caplog.messages == ["\\x1b[2J.npz cannot be read"]


def test_a_misspelt_flag_is_one_line(monkeypatch, capsys):
    assert left(print, monkeypatch, "--no_such_flag_at_all=1") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: Unknown command line flag")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"--x=\xff\n", "a flagfile is not UTF-8: "),
        (b"--flagfile={0}\n", "a flagfile contains itself: {0}"),
        (b"--flagfile={0}.none\n", "Unable to open flagfile: "),
        (b"--flagfile={1}\n", "Is a directory"),
        (b"--flagfile=a\0b\n", "embedded null byte"),
        (b"--nothing_of_ours=1\n", "Unknown command line flag"),
        (None, "Unable to open flagfile: "),
    ],
)
def test_a_flagfile_that_cannot_be_read(
    tmp_path, monkeypatch, capsys, content, message
):
    path = tmp_path / "flags.txt"
    if content is not None:
        for place, name in enumerate((path, tmp_path)):
            content = content.replace(f"{{{place}}}".encode(), bytes(name))
        path.write_bytes(content)
    assert left(print, monkeypatch, f"--flagfile={path}") == 2
    captured = capsys.readouterr()
    assert message.format(path, tmp_path) in captured.err
    assert captured.err.count("\n") == 1
    assert not captured.out


def program(body, shell="{}", **options):
    """Runs a program in a shell; its `main` has the given body."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    code = "import sys, os, signal\nfrom framework.config import command\n"
    # A test runner in the background of a shell ignores it, and so would the program.
    code += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += f"def main(arguments):\n{lines}\ncommand.run(main)\n"
    python = f'{sys.executable} -c "$CODE"'
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", shell.format(python)],
        env={**os.environ, "CODE": code, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        **options,
    )


@pytest.mark.parametrize(
    ("body", "shell", "code", "out", "message"),
    [
        ("print('x\\n' * 10**6)", "{} | head -1", 141, "x\n", ""),
        ("print('x\\n' * 10**6)\nreturn 3", "{} | true", 141, "", ""),
        ("print('x')", "{} > /dev/full", 1, "", "error: No space left on device"),
        ("print('x')", "{} >&-", 0, "", ""),
        ("raise ValueError", "{} 2>&-", 1, "", ""),
        ("print('\\udcff\\x41')", "{}", 0, "\\udcffA\n", ""),
        ("print('ä')", "PYTHONIOENCODING=ascii {}", 0, "\\xe4\n", ""),
        (
            "os.kill(os.getpid(), signal.SIGTERM)",
            "{}",
            75,
            "",
            "stopped by SIGTERM; rerun the same command\n",
        ),
        ("os.kill(os.getpid(), signal.SIGINT)", "{}", 130, "", "error: interrupted\n"),
        (
            "if not os.fork(): os.kill(os.getpid(), signal.SIGTERM)\n"
            "return os.wait()[1]",
            "{}",
            signal.SIGTERM,
            "",
            "",
        ),
        ("import rich.console; rich.console.Console().print('x')", "{} >&-", 0, "", ""),
    ],
)
def test_how_a_process_ends(body, shell, code, out, message):
    done = program(body, shell)
    assert (done.returncode, done.stdout) == (code, out), done.stderr
    assert done.stderr.startswith(message)
    assert bool(message) == bool(done.stderr)
    assert done.stderr.count("\n") <= 1
