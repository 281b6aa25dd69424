"""Tests of framework/distributed/determinism.py."""

import subprocess
import sys

import pytest
import tensorflow as tf

from framework.distributed import determinism
from framework.errors import UsageError


def test_threads_are_those_of_the_process():
    # Set in conftest.py.
    tf.ones([1])
    assert determinism.threads() == 2
    determinism.limit_threads(0)
    determinism.limit_threads(2)
    with pytest.raises(UsageError, match=r"threads=3: .* computes with 2 threads"):
        determinism.limit_threads(3)


@pytest.mark.extended
def test_threads_are_set_before_tensorflow_computes():
    code = (
        "from framework.distributed import determinism\n"
        "determinism.limit_threads(3)\n"
        "import tensorflow as tf; tf.ones([1])\n"
        "print(determinism.threads())"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "3"


def test_a_gpu_computes_deterministically(monkeypatch):
    enabled = []
    monkeypatch.setattr(
        tf.config.experimental, "enable_op_determinism", lambda: enabled.append(1)
    )
    determinism.require_determinism_on_gpus()
    assert enabled == []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    determinism.require_determinism_on_gpus()
    assert enabled == [1]
