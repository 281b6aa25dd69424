"""Tests of framework/data/service.py."""

import subprocess
import sys

import numpy as np
import pytest

from framework.data.batches import StreamBatches
from framework.data.dataset import Split
from framework.distribute import build


@pytest.fixture(scope="module")
def servers():
    """Returns the addresses of two."""
    command = [sys.executable, "-m", "framework.data.service", "--port=0"]
    processes = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for _ in range(2)
    ]
    yield [
        process.stdout.readline().split("--service=")[1].strip()
        for process in processes
    ]
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("first", [0, 3])
def test_servers_read_in_the_same_order(servers, count, first):
    images = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    split = Split(images, np.arange(40) % 4)
    rows = np.random.default_rng(0).permutation(40).reshape(10, 4)
    batches = StreamBatches(split, build("default"), servers[:count])
    handle = batches.open(rows, first=first)
    for index in range(first, 10):
        found, labels = batches.local(batches.take(handle, index), 4)
        np.testing.assert_array_equal(found[:, 0, 0, 0], rows[index])
        np.testing.assert_array_equal(labels, rows[index] % 4)


def test_a_port_that_is_taken_is_one_line(servers):
    port = servers[0].rpartition(":")[2]
    found = subprocess.run(
        [sys.executable, "-m", "framework.data.service", f"--port={port}"],
        capture_output=True,
        text=True,
    )
    assert found.returncode == 1
    assert f"error: port {port} cannot be used" in found.stderr
