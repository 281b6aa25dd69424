"""Tests of framework/report/files.py."""

import json
import os

import numpy as np
import pytest

from framework.numerics.metrics import Predictions
from framework.report.files import Files, total_seconds
from framework.report.predictions import read_all


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


class Clock:
    """A timing with fixed values."""

    training, total, images_per_second = 0.0, 0.0, 0.0


def evaluated(files, step, actual=None):
    files.evaluated(step, {}, {"validation": actual or predictions()})


def kept(folder):
    return sorted(path.name for path in (folder / "predictions").iterdir())


def timing(folder):
    lines = (folder / "timing.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_each_evaluation_keeps_its_predictions(tmp_path):
    files = Files(tmp_path, Clock())
    files.started(0)
    for step in (10, 20):
        evaluated(files, step, predictions(step))
    assert kept(tmp_path) == ["step-00000010.npz", "step-00000020.npz"]
    actual = read_all(tmp_path / "predictions")
    assert list(actual) == [10, 20]
    for name, value in vars(actual[20]).items():
        np.testing.assert_array_equal(value, getattr(predictions(20), name))


def test_resuming_lets_go_of_what_came_after(tmp_path):
    files = Files(tmp_path, Clock())
    files.started(0)
    for step in (10, 20, 30):
        evaluated(files, step)
    Files(tmp_path, Clock()).started(20)
    assert kept(tmp_path) == ["step-00000010.npz", "step-00000020.npz"]


def test_what_the_clock_says_is_a_line_of_its_own(tmp_path):
    clock = Clock()
    files = Files(tmp_path, clock)
    files.started(0)
    for step, training, total, speed in ((10, 4.0, 4.5, 10.0), (20, 4.5, 5.0, 80.0)):
        clock.training, clock.total, clock.images_per_second = training, total, speed
        evaluated(files, step)
    names = ("step", "seconds", "train_seconds", "images_per_second")
    assert [tuple(line[name] for name in names) for line in timing(tmp_path)] == [
        (10, 4.5, 4.0, 10.0),
        (20, 5.0, 4.5, 80.0),
    ]


@pytest.mark.parametrize(
    ("torn", "warning"),
    [
        (b"", ""),
        # An incomplete line of a killed process is no reason for a warning.
        (b'{"step": 2', ""),
        (b"{}\n", "1 damaged line(s) left out (line 4: its step"),
        (b"null\n", "line 4: it is not a JSON object"),
        (b"\xff\n", "line 4: byte 0 is not UTF-8"),
        (b"[" * 100_000 + b"\n", "line 4: it is nested too deeply"),
        (b'{"step": "1"}\n\n\n', "3 damaged line(s)"),
        (b'{"step": 1, "seconds": []}\n', "its 'seconds' is not a number"),
    ],
)
def test_resuming_forgets_the_timing_of_what_came_after(
    tmp_path, torn, warning, caplog
):
    files = Files(tmp_path, Clock())
    files.started(0)
    for step in (10, 20, 30):
        evaluated(files, step)
    with (tmp_path / "timing.jsonl").open("ab") as file:
        file.write(torn)
    again = Files(tmp_path, Clock())
    again.started(20)
    evaluated(again, 30)
    assert [line["step"] for line in timing(tmp_path)] == [10, 20, 30]
    assert len(caplog.records) == bool(warning)
    assert warning in caplog.text


def test_a_planted_link_is_replaced(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    (tmp_path / "timing.jsonl").symlink_to(mine)
    files = Files(tmp_path, Clock())
    files.started(0)
    evaluated(files, 10)
    assert mine.read_text() == "mine"
    assert [line["step"] for line in timing(tmp_path)] == [10]


def test_what_cannot_be_written_leaves_nothing_half_done(tmp_path, monkeypatch):
    def full(*args):
        raise OSError("No space left on device")

    files = Files(tmp_path, Clock())
    files.started(0)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        evaluated(files, 10)
    assert kept(tmp_path) == []


def test_seconds_of_resumed_runs_add_up():
    records = [{"seconds": 4.0}, {"seconds": 6.5}, {"seconds": 1.0}, {"seconds": 3.0}]
    assert total_seconds(records) == 9.5
    assert total_seconds([]) == 0.0
