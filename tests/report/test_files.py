"""Tests of framework/report/files.py."""

import json
import os
import time

import numpy as np
import pytest

from framework.metrics import Predictions
from framework.report.files import Files


def predictions(seed=0):
    generator = np.random.default_rng(seed)
    labels = np.array([0, 1, 2, 0], np.int32)
    return Predictions(
        labels,
        generator.integers(0, 3, 4).astype(np.int32),
        generator.integers(0, 3, 4).astype(np.int32),
        generator.uniform(size=4).astype(np.float32),
        generator.uniform(size=4).astype(np.float32),
    )


@pytest.fixture
def clock(monkeypatch):
    now = [50.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def evaluated(files, step, found=None):
    files.advanced(step)
    files.evaluated(step, {}, {"validation": found or predictions()})


def kept(folder):
    return sorted(path.name for path in (folder / "predictions").iterdir())


def timing(folder):
    lines = (folder / "timing.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_each_evaluation_keeps_its_predictions(tmp_path, clock):
    files = Files(tmp_path, batch_size=4)
    files.started(0)
    for step in (10, 20):
        clock[0] += 1
        evaluated(files, step, predictions(step))
    assert kept(tmp_path) == ["step-00000010.npz", "step-00000020.npz"]
    with np.load(tmp_path / "predictions/step-00000020.npz") as found:
        assert set(found) == {"labels", "predicted", "confidence", "losses"}
        for name in found:
            expected = getattr(predictions(20), name)
            np.testing.assert_array_equal(found[name], expected)
            assert found[name].dtype == expected.dtype


def test_resuming_lets_go_of_what_came_after(tmp_path, clock):
    files = Files(tmp_path, batch_size=4)
    files.started(0)
    for step in (10, 20, 30):
        clock[0] += 1
        evaluated(files, step)
    Files(tmp_path, batch_size=4).started(20)
    assert kept(tmp_path) == ["step-00000010.npz", "step-00000020.npz"]


def test_seconds_are_told_apart(tmp_path, clock):
    files = Files(tmp_path, batch_size=4)
    files.started(0)
    for step in (5, 10):
        clock[0] += 2.0
        files.advanced(step)
    # Four seconds of training, then one of evaluation.
    clock[0] += 1.0
    files.evaluated(10, {}, {"validation": predictions()})
    clock[0] += 0.5
    evaluated(files, 20)
    assert timing(tmp_path) == [
        {
            "step": 10,
            "seconds": 5.0,
            "train_seconds": 4.0,
            "evaluate_seconds": 1.0,
            "images_per_second": 10.0,
        },
        {
            "step": 20,
            "seconds": 5.5,
            "train_seconds": 0.5,
            "evaluate_seconds": 0.0,
            "images_per_second": 80.0,
        },
    ]


def test_a_resumed_run_counts_from_where_it_resumes(tmp_path, clock):
    files = Files(tmp_path, batch_size=4)
    files.started(100)
    clock[0] += 2.0
    evaluated(files, 105)
    (line,) = timing(tmp_path)
    assert line["images_per_second"] == 10.0
    assert line["seconds"] == 2.0


def test_what_cannot_be_written_leaves_nothing_half_done(tmp_path, clock, monkeypatch):
    def full(*args):
        raise OSError("No space left on device")

    files = Files(tmp_path, batch_size=4)
    files.started(0)
    clock[0] += 1.0
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        evaluated(files, 10)
    assert kept(tmp_path) == []
