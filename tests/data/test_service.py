"""Tests of framework/data/service.py."""

import contextlib
import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from framework.config import Config
from framework.data.batches import StreamBatches
from framework.data.servers import Servers
from framework.data.split import Split
from framework.distributed.strategy import build_strategy
from framework.errors import WorkerLostError
from framework.launch.run import run
from framework.loop.train_loop import TrainLoop
from framework.system import network


def serve(port=0):
    """Starts a server; returns its process and address once it serves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "framework.data.service", f"--port={port}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return process, process.stdout.readline().split("--service=")[1].strip()


def kill(process):
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture(scope="module")
def servers():
    """Returns the addresses of two servers."""
    started = [serve() for _ in range(2)]
    yield [address for _, address in started]
    for process, _ in started:
        kill(process)


@pytest.mark.extended
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("first", [0, 3])
def test_servers_read_in_the_same_order(servers, count, first):
    images = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    split = Split(images, np.arange(40) % 4)
    rows = np.random.default_rng(0).permutation(40).reshape(10, 4)
    batches = StreamBatches(
        split, build_strategy("default"), Servers(tuple(servers[:count]))
    )
    handle = batches.open(rows, first=first)
    for index in range(first, 10):
        actual, labels = batches.local(batches.take(handle, index), 4)
        np.testing.assert_array_equal(actual[:, 0, 0, 0], rows[index])
        np.testing.assert_array_equal(labels, rows[index] % 4)


@pytest.mark.extended
def test_a_port_that_is_taken_is_one_line(servers):
    port = servers[0].rpartition(":")[2]
    actual = subprocess.run(
        [sys.executable, "-m", "framework.data.service", f"--port={port}"],
        capture_output=True,
        text=True,
    )
    assert actual.returncode == 1
    assert f"error: port {port} is in use" in actual.stderr


def test_a_host_beyond_this_machine_needs_trust():
    actual = subprocess.run(
        [sys.executable, "-m", "framework.data.service", "--host=reader1"],
        capture_output=True,
        text=True,
    )
    assert actual.returncode == 2
    assert "error: --host names 'reader1'" in actual.stderr
    assert "--i_trust_this_network" in actual.stderr


def test_a_run_without_a_server_ends(tmp_path):
    alone = config(tmp_path, "service", [f"localhost:{network.free_port()}"])
    with pytest.raises(WorkerLostError, match=r"waited .* where no server listens"):
        run(dataclasses.replace(alone, wait_for="0.1s"))


def config(tmp_path, place, servers):
    return Config(
        model="mlp(units=(8,), dropout=.3)",
        batch_size=128,
        train_for="2ep",
        log_every="1",
        input=place,
        service=",".join(servers),
        workdir=str(tmp_path / place),
    )


def metrics(tmp_path, place):
    return (tmp_path / place / "metrics.jsonl").read_text()


@pytest.fixture(scope="module")
def from_memory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    run(config(folder, "memory", []))
    return metrics(folder, "memory")


@pytest.mark.extended
def test_a_run_by_servers_is_the_run_from_memory(servers, from_memory, tmp_path):
    run(config(tmp_path, "service", servers))
    assert metrics(tmp_path, "service") == from_memory


@pytest.mark.extended
def test_a_server_that_dies_and_comes_back(from_memory, tmp_path, monkeypatch):
    process, address = serve()
    measured_step, started = TrainLoop.measured_step, []

    def interrupted(self, step):
        if step == 13 and not started:
            kill(process)
            # Immediately, on the same port.
            started.append(serve(address.rpartition(":")[2])[0])
        return measured_step(self, step)

    monkeypatch.setattr(TrainLoop, "measured_step", interrupted)
    for _ in range(2):
        # The run ends and is rerun, unless it has prefetched everything it needs.
        with contextlib.suppress(WorkerLostError):
            run(config(tmp_path, "service", [address]))
            break
    kill(started[0])
    assert metrics(tmp_path, "service") == from_memory
