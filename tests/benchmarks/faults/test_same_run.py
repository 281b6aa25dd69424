"""Tests of benchmarks/faults/same_run.py."""

import json
import shutil

import numpy as np
import pytest

from benchmarks.faults import same_run
from framework.report.events import Events
from framework.system import archive


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "one"
    for name in ("train", "validation", "checkpoints", "best"):
        (folder / name).mkdir(parents=True)
    (folder / "metrics.jsonl").write_text(json.dumps({"step": 4, "loss": 1.0}) + "\n")
    (folder / "timing.jsonl").write_text("{}\n")
    archive.write(folder / "checkpoints/step-00000004.npz", 4, {"w": np.ones(2)})
    for part in ("train", "validation"):
        events = Events(folder / part)
        events.scalars(4, {"loss": 1.0})
        events.close()
    shutil.copytree(folder, tmp_path / "other")
    return folder, tmp_path / "other"


def test_a_copy_is_the_same(runs):
    assert same_run.difference(*runs) is None


def more_points(folder):
    events = Events(folder / "train")
    events.scalars(5, {"loss": 2.0})
    events.close()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda run: (run / "metrics.jsonl").write_text('{"step": 4, "loss": 2}'),
            "metrics.jsonl differs: loss of step 4",
        ),
        (
            lambda run: (run / "metrics.jsonl").write_text(""),
            "metrics.jsonl differs: 0 rows, not 1",
        ),
        (
            lambda run: archive.write(
                run / "checkpoints/step-00000004.npz", 4, {"w": np.array([1, -0.0])}
            ),
            "checkpoints/step-00000004.npz/w differs",
        ),
        (more_points, "TensorBoard's curve train/loss differs"),
        (
            lambda run: (run / "timing.jsonl").write_text(""),
            "timing.jsonl has another number of lines",
        ),
        (lambda run: (run / "best/x.tmp").touch(), "x.tmp is left over"),
    ],
)
def test_differences_are_found(runs, change, expected):
    change(runs[0])
    assert same_run.difference(*runs) == expected
