"""Tests of benchmarks/speed/sweep.py."""

import argparse
import sys

import pytest

from benchmarks.speed import sweep
from benchmarks.speed.sweep import BASE, WAYS

CHOSEN = argparse.Namespace(epochs=5, python_torch="torch-python")


def test_ratios_are_taken_within_a_round():
    # The machine is half as fast in the second round.
    seconds = {way: [(10.0, 11.0), (20.0, 21.0)] for way in WAYS}
    seconds[BASE] = [(5.0, 6.0), (10.0, 10.0)]
    _, _, base, other, *_ = sweep.table(seconds).splitlines()
    assert base == f"| {BASE} | 7.5 | 1.00 (1.00-1.00) | 8.0 |"
    assert other == f"| {WAYS[1]} | 15.0 | 2.00 (2.00-2.00) | 16.0 |"


@pytest.mark.parametrize("way", WAYS)
def test_a_way_trains_each_run(way, tmp_path):
    commands = sweep._commands(way, [0.001, 0.01, 0.1], CHOSEN, tmp_path)
    assert len(commands) == (3 if way.endswith("each") else 1)
    python = "torch-python" if way.startswith("PyTorch") else sys.executable
    assert all(command[0] == python for command in commands)


def test_own_runs_differ_in_the_learning_rate_only(tmp_path):
    one, other = sweep._commands(WAYS[1], [0.001, 0.01], CHOSEN, tmp_path)
    different = [a.partition("=")[0] for a, b in zip(one, other, strict=True) if a != b]
    assert different == ["--learning_rate", "--workdir"]
