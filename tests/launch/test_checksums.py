"""Tests of framework/launch/checksums.py."""

import os

import numpy as np
import pytest

from framework.config import Config
from framework.launch import checksums, run_folder, stretches
from framework.report.history import History
from framework.system import archive


@pytest.fixture
def folder(tmp_path):
    """The files of a run of two evaluations."""
    run_folder.write_config(tmp_path, Config(jit=True))
    history = History(tmp_path / "metrics.jsonl")
    for step in (5, 10):
        history.append(step, {"loss": 1 / step})
        (tmp_path / "checkpoints").mkdir(exist_ok=True)
        path = tmp_path / f"checkpoints/step-{step:08d}.npz"
        archive.write(path, step, {"a": np.zeros(5), **history.fingerprint()})
    return tmp_path


def check(folder):
    config = run_folder.read_config(folder)
    return checksums.check(folder, config, stretches.kept(folder))


def test_an_unchanged_run(folder):
    history, differences = check(folder)
    assert (len(history), differences) == (2, [])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # Both checkpoints have another checksum: it is one difference.
        ("0.2", "0.25", "metrics.jsonl, step 5: has other numbers in its first 1"),
        ("0.1", "0.15", "metrics.jsonl, step 10: has other numbers in its first 2"),
        ('"step": 10', '"step": 5', "metrics.jsonl: "),
    ],
)
def test_changed_metrics(folder, old, new, expected):
    path = folder / "metrics.jsonl"
    path.write_text(path.read_text().replace(old, new))
    (difference,) = check(folder)[1]
    assert str(difference).startswith(expected)


def test_a_damaged_checkpoint_and_other_flags(folder):
    os.truncate(folder / "checkpoints/step-00000005.npz", 300)
    path = folder / "flags.txt"
    path.write_text(path.read_text().replace("--jit", "--nojit"))
    _, (flags, damaged) = check(folder)
    assert str(flags) == "flags.txt: jit: False, in config.json True"
    assert (damaged.step, damaged.file) == (5, "checkpoints/step-00000005.npz")


def test_flags_may_be_missing(folder):
    (folder / "flags.txt").unlink()
    assert check(folder)[1] == []
