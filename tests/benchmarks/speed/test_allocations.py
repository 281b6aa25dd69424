"""Tests of benchmarks/speed/allocations.py."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks.speed.kernels import CASES


def counted(flags):
    text = json.dumps(flags)
    # TensorFlow chooses its memory pool when it is imported.
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.allocations", "--flags", text],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.extended
def test_more_layers_allocate_more_memory():
    (few, small), (many, large) = (
        counted({"model": f"resnet(depth={depth})"}) for depth in (8, 14)
    )
    assert many > few
    # The outputs of six more convolutions of 16 images, and their gradients.
    outputs = 16 * 4 * (2 * 8 * 8 * 16 + 2 * 4 * 4 * 32 + 2 * 2 * 2 * 64)
    assert large - small > 2 * outputs


@pytest.mark.extended
def test_every_case_has_a_limit():
    source = "from benchmarks.speed import allocations; print(*allocations.LIMITS)"
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == set(CASES)
