"""Tests of framework/loop/checkpoint.py."""

import errno
import os

import numpy as np
import pytest
import tensorflow as tf

from framework.errors import RunError
from framework.loop import checkpoint
from framework.loop.checkpoint import Checkpoints


def variables(value=0.0):
    return {
        "model/0": tf.Variable(np.full((2, 3), value, np.float32)),
        "totals/examples": tf.Variable(int(value)),
        "schedule/0/best": tf.Variable(-np.inf),
    }


@pytest.fixture
def checkpoints(tmp_path):
    def make(variables, keep=2):
        return Checkpoints(tmp_path / "checkpoints", tmp_path / "best", variables, keep)

    return make


def saved(folder):
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def spoil(path, how="truncated"):
    data = path.read_bytes()
    pixels = variables(2)["model/0"].numpy().tobytes()
    spoilt = {
        "truncated": data[: len(data) // 2],
        "empty": b"",
        "altered": data.replace(pixels, pixels[:-1] + b"!"),
    }
    path.write_bytes(spoilt[how])


def test_what_is_saved_comes_back(checkpoints):
    checkpoints(variables(7)).save(30)
    found = variables()
    assert checkpoints(found).restore() == 30
    for name, variable in variables(7).items():
        np.testing.assert_array_equal(found[name].numpy(), variable.numpy())
        assert found[name].dtype == variable.dtype


def test_mirrored_variables_come_back_on_all_replicas(checkpoints, mirrored):
    with mirrored.scope():
        before = {"a": tf.Variable([1.0, 2.0]), "b": tf.Variable(3)}
        after = {"a": tf.Variable([0.0, 0.0]), "b": tf.Variable(0)}
    checkpoints(before).save(1)
    checkpoints(after).restore()
    for local in mirrored.experimental_local_results(after["a"]):
        np.testing.assert_array_equal(local.numpy(), [1, 2])


def test_with_nothing_saved_a_run_begins(checkpoints):
    found = variables(5)
    assert checkpoints(found).restore() == 0
    assert found["totals/examples"].numpy() == 5


def test_keeps_the_latest(checkpoints, tmp_path):
    some = checkpoints(variables(), keep=2)
    # Numbers that do not sort as text without their zeros.
    for step in (9, 80, 100, 1000):
        some.save(step)
    assert saved(tmp_path) == ["step-00000100.npz", "step-00001000.npz"]
    assert some.restore() == 1000


def test_the_latest_is_the_highest_step_however_many_digits(checkpoints, tmp_path):
    some = checkpoints(variables(), keep=2)
    for step in (99_999_998, 99_999_999, 100_000_000):
        some.save(step)
    assert some.restore() == 100_000_000
    assert len(saved(tmp_path)) == 2


def test_a_best_of_a_future_that_was_lost_is_forgotten(checkpoints, tmp_path):
    first = variables(3)
    some = checkpoints(first, keep=1)
    some.save_best(10)
    some.save(20)
    first["totals/examples"].assign(9)
    some.save_best(30)
    # Killed here, before the checkpoint of step 30.
    again = variables(0)
    other = checkpoints(again, keep=1)
    assert other.restore() == 20
    other.rewind(("totals/",))
    assert again["totals/examples"].numpy() == 3


def test_the_best_is_kept_apart(checkpoints, tmp_path):
    some = checkpoints(variables(3), keep=1)
    some.save_best(10)
    some.save(20)
    some.save(30)
    values = checkpoint.read(tmp_path / "best" / "step-00000010.npz")
    assert values["step"] == 10
    assert values["totals/examples"] == 3
    assert saved(tmp_path) == ["step-00000030.npz"]


@pytest.mark.parametrize("how", ["truncated", "empty", "altered"])
def test_a_spoilt_checkpoint_is_passed_over(checkpoints, tmp_path, caplog, how):
    checkpoints(variables(1)).save(10)
    checkpoints(variables(2)).save(20)
    spoil(tmp_path / "checkpoints/step-00000020.npz", how)
    found = variables()
    assert checkpoints(found).restore() == 10
    assert found["totals/examples"].numpy() == 1
    assert "step-00000020.npz cannot be read" in caplog.text


def test_with_all_spoilt_nothing_is_done(checkpoints, tmp_path):
    checkpoints(variables(1)).save(10)
    spoil(tmp_path / "checkpoints/step-00000010.npz")
    found = variables()
    with pytest.raises(RunError, match=r"none of the checkpoints .* with --fresh"):
        checkpoints(found).restore()
    assert found["totals/examples"].numpy() == 0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "model/0",
            tf.zeros([2, 4]),
            r"model/0 should be \(2, 4\), but there is \(2, 3",
        ),
        ("model/1", tf.zeros([5]), r"model/1 should be \(5,\), but there is nothing"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(checkpoints, name, value, message):
    checkpoints(variables(1)).save(10)
    found = variables() | {name: tf.Variable(value)}
    with pytest.raises(RunError, match=f"of another model or optimizer: {message}"):
        checkpoints(found).restore()
    # None of it was taken.
    assert found["totals/examples"].numpy() == 0


def full(*args):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_what_there_was(checkpoints, tmp_path, monkeypatch, call):
    some = checkpoints(variables(1), keep=1)
    some.save(10)
    some.save_best(10)
    monkeypatch.setattr(os, call, full)
    for save in (some.save, some.save_best):
        with pytest.raises((OSError, RunError), match="No space left"):
            save(20)
    monkeypatch.undo()
    assert saved(tmp_path) == ["step-00000010.npz"]
    assert [path.name for path in (tmp_path / "best").iterdir()] == [
        "step-00000010.npz"
    ]
    assert checkpoint.read(tmp_path / "best" / "step-00000010.npz")["step"] == 10
    assert some.restore() == 10


def test_what_a_killed_process_left_is_cleared_away(checkpoints, tmp_path):
    for folder in ("checkpoints", "best"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "step-00000010.npz.tmp").write_bytes(b"half")
    checkpoints(variables())
    assert not list(tmp_path.rglob("*.tmp"))


def test_other_files_are_left_alone(checkpoints, tmp_path):
    some = checkpoints(variables(), keep=1)
    (tmp_path / "checkpoints/notes.txt").write_text("mine")
    (tmp_path / "checkpoints/step-00000001.npz.bak").write_text("mine too")
    some.save(10)
    some.save(20)
    assert some.restore() == 20
    assert len(saved(tmp_path)) == 3


def test_reading_what_is_not_there_is_told(tmp_path):
    with pytest.raises(RunError, match=r"nowhere.npz cannot be read"):
        checkpoint.read(tmp_path / "nowhere.npz")
