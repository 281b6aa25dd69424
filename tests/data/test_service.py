"""Tests of framework/data/service.py."""

import subprocess
import sys

import numpy as np
import pytest

from framework.config import Config
from framework.data.batches import StreamBatches
from framework.data.dataset import Split
from framework.distribute import build
from framework.run import run


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


def test_a_run_by_servers_is_the_run_from_memory(servers, tmp_path):
    found = []
    for place in ("memory", "service"):
        config = Config(
            model="mlp(units=(8,), dropout=.3)",
            batch_size=128,
            train_for="2ep",
            input=place,
            service=",".join(servers),
            workdir=str(tmp_path / place),
        )
        result = run(config)
        weights = [weight.numpy() for weight in result.model.trainable_variables]
        found.append(((tmp_path / place / "metrics.jsonl").read_text(), weights))
    (metrics, weights), (others, other_weights) = found
    assert metrics == others
    for one, other in zip(weights, other_weights, strict=True):
        np.testing.assert_array_equal(one, other)
