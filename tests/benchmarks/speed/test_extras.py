"""Tests of benchmarks/speed/extras.py."""

import argparse
import dataclasses

from benchmarks.speed import extras
from benchmarks.speed.workloads import WORKLOADS


def test_shares_are_of_the_steps_of_an_epoch():
    medians = {
        "steps": 10.0,
        "step": 0.1,
        "measured step": 0.15,
        "a checkpoint": 0.2,
        "evaluating": 0.3,
    }
    first, *lines, last = extras.shares(medians, 1000)
    assert first.startswith("10000.0 ms of steps an epoch of 1,000 images")
    assert [line.split()[-1] for line in lines] == ["2.0%", "3.0%", "1.0%"]
    # 100 steps an epoch, two of which are measured.
    assert lines[-1].startswith("measuring a step")
    assert last.split()[-1] == "6.0%"


def test_everything_can_be_timed(tmp_path, monkeypatch):
    workload = dataclasses.replace(WORKLOADS["W4"], train=64, validation=20)
    monkeypatch.setitem(WORKLOADS, "tiny", workload)
    chosen = argparse.Namespace(workload="tiny", epochs=1, precision="float32")
    with extras._things(chosen, tmp_path) as things:
        for do in things.values():
            do(0)
    folder = tmp_path / "run"
    assert (folder / "metrics.jsonl").read_text().count("\n") == 1
    assert list((folder / "checkpoints").glob("*.npz"))
