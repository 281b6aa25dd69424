"""Tests of benchmarks/faults/fork_server.py."""

import signal

import pytest

from benchmarks.faults.fork_server import fresh

EXITS = "import sys; print('out'); print('err', file=sys.stderr); sys.exit({})"


@pytest.mark.extended
@pytest.mark.parametrize(
    ("source", "code", "stderr"),
    [
        (EXITS.format(5), 5, b"err\n"),
        (EXITS.format("None"), 0, b"err\n"),
        (EXITS.format("'bye'"), 1, b"err\nbye\n"),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, b""),
    ],
)
def test_a_fork_ends_as_a_process_of_its_own_does(
    fork_server, tmp_path, source, code, stderr
):
    (tmp_path / "mine.py").write_text(source)
    for run in (fork_server.run, fresh):
        outcome = run("mine", [], tmp_path, 60)
        assert (outcome.code, outcome.stderr) == (code, stderr)


def test_a_traceback_is_that_of_python(fork_server, tmp_path):
    (tmp_path / "mine.py").write_text("1 / 0")
    outcome = fork_server.run("mine", [], tmp_path, 60)
    assert outcome.code == 1
    assert outcome.stderr.startswith(b"Traceback (most recent call last):")
    assert outcome.stderr.endswith(b"ZeroDivisionError: division by zero\n")


def test_a_command_has_its_arguments_folder_and_environment(fork_server, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import os, sys; print(sys.argv[1:], os.getcwd(), os.environ['MINE'])"
    )
    outcome = fork_server.run("mine", ["a b", "\n"], tmp_path, 60, {"MINE": "x"})
    assert outcome.stdout == f"['a b', '\\n'] {tmp_path} x\n".encode()


def test_what_does_not_end_is_killed(fork_server, tmp_path):
    (tmp_path / "mine.py").write_text("import threading; threading.Event().wait()")
    assert fork_server.run("mine", [], tmp_path, 0.2).code is None
    stopped = fork_server.run("mine", [], tmp_path, 0.2, stop=signal.SIGTERM)
    assert stopped.code == -signal.SIGTERM
