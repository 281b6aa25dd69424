"""Tests of runs of several processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent import futures

import pytest


def start(workdir, index, ports, *flags):
    task = {"type": "worker", "index": index}
    hosts = [f"localhost:{port}" for port in ports]
    config = json.dumps({"cluster": {"worker": hosts}, "task": task})
    command = [
        sys.executable,
        "-m",
        "experiments.train",
        "--strategy=multi_worker",
        f"--workdir={workdir}",
        "--model=mlp(units=(16,))",
        "--log_every=20",
        *flags,
    ]
    return subprocess.Popen(
        command,
        env={**os.environ, "TF_CONFIG": config},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_ports():
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def both(workdir, *flags):
    ports = free_ports()
    return [start(workdir, index, ports, *flags) for index in range(2)]


def ends(processes):
    """Returns exit code, output and errors of each."""
    streams = [process.communicate() for process in processes]
    return [
        (process.returncode, *texts)
        for process, texts in zip(processes, streams, strict=True)
    ]


def metrics(workdir):
    return (workdir / "metrics.jsonl").read_text()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several") / "run"
    return folder, ends(both(folder, "--train_for=20ep"))


@pytest.mark.extended
def test_the_chief_speaks_for_all(uninterrupted):
    folder, (chief, other) = uninterrupted
    assert (chief[0], other[0]) == (0, 0), chief[2] + other[2]
    assert "best validation/accuracy" in chief[1]
    assert other[1] == ""
    assert len(metrics(folder).splitlines()) == 20


def reached(process, text):
    """Waits until a process has said something."""
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"it never said {text!r}: {process.stderr.read()}")


@pytest.mark.extended
@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL]
)
def test_one_that_is_stopped_or_lost_ends_all_and_all_go_on(
    number, uninterrupted, tmp_path
):
    folder = tmp_path / "run"
    chief, other = both(folder, "--train_for=20ep")
    reached(chief, "epoch       2")
    other.send_signal(number)
    (code, _, errors), (other_code, _, _) = ends([chief, other])
    assert code == 75
    if number == signal.SIGTERM:
        assert other_code == 75
        assert "stopped by a signal to another worker" in errors
    else:
        assert other_code == -signal.SIGKILL
        assert "another worker was lost" in errors.splitlines()[-1]
    again = ends(both(folder, "--train_for=20ep"))
    assert [each[0] for each in again] == [0, 0]
    assert metrics(folder) == metrics(uninterrupted[0])


def repeated(workdir, ports, index, running):
    """Starts a worker until it is done, as the README does; returns its codes."""
    codes = []
    while not codes or codes[-1] in (75, -signal.SIGKILL):
        running[index] = start(workdir, index, ports, "--train_for=20ep")
        running[index].communicate()
        codes.append(running[index].returncode)
    return codes


@pytest.mark.slow
@pytest.mark.parametrize("victims", [(0, 0, 0), (1, 0), (0, 1, 1)])
def test_workers_that_are_restarted_at_once_converge(victims, uninterrupted, tmp_path):
    folder, ports, running = tmp_path / "run", free_ports(), {}
    with futures.ThreadPoolExecutor(2) as pool:
        codes = [
            pool.submit(repeated, folder, ports, index, running) for index in range(2)
        ]
        evaluations = 2
        for victim in victims:
            while not (folder / "metrics.jsonl").exists() or (
                len(metrics(folder).splitlines()) < evaluations
            ):
                assert not all(each.done() for each in codes)
                time.sleep(0.02)
            running[victim].kill()
            evaluations = len(metrics(folder).splitlines()) + 4
        codes = [each.result() for each in codes]
    assert [each[-1] for each in codes] == [0, 0], codes
    assert metrics(folder) == metrics(uninterrupted[0])
