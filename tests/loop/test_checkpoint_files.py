"""Tests of framework/loop/checkpoint_files.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.errors import RunError
from framework.loop import checkpoint_files
from framework.loop.checkpoint_files import CheckpointFiles
from framework.system import archive


def write(folder, *steps):
    folder.mkdir(exist_ok=True)
    for step in steps:
        path = folder / checkpoint_files.file_name(step)
        archive.write(path, step, {"model/0": np.full(3, step, np.float32)})


@pytest.fixture
def files(tmp_path):
    return CheckpointFiles(tmp_path / "checkpoints", tmp_path / "best")


def listing(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_latest_is_read_and_nothing_is_changed(files, tmp_path):
    write(files.folder, 10, 20)
    write(files.best, 10, 30)
    (files.folder / "step-00000030.npz.1a2b3c4d.tmp").write_bytes(b"half")
    before = listing(tmp_path)
    latest = files.latest()
    assert (latest.step, latest.path.name) == (20, "step-00000020.npz")
    np.testing.assert_array_equal(latest.values["model/0"], [20, 20, 20])
    assert [path.name for path in files.by_rank([10])] == [
        "step-00000010.npz",
        "step-00000030.npz",
    ]
    assert files.best_of([30, 10]).step == 30
    assert listing(tmp_path) == before


def test_without_folders_there_is_nothing(files, tmp_path):
    assert files.latest() is None
    assert files.best_of([10]) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["step-foo.npz", "step-00000002 (copy).npz", "step-1.npz", "step--0000001.npz"],
)
def test_other_names_are_no_checkpoints(files, name):
    write(files.folder, 10)
    (files.folder / name).write_bytes(b"mine")
    assert files.latest().step == 10


def test_all_damaged_is_an_error(files):
    write(files.folder, 10, 20)
    for path in files.folder.iterdir():
        path.write_bytes(b"damaged")
    with pytest.raises(RunError, match="none of the checkpoints"):
        files.latest()


def deleting(monkeypatch, *steps, then=lambda: None):
    """Deletes files just before they are read, as the writer of a run may."""
    read = archive.read

    def late(path):
        if checkpoint_files.step_of(path) in steps:
            path.unlink(missing_ok=True)
            then()
        return read(path)

    monkeypatch.setattr(archive, "read", late)


def test_a_file_that_the_writer_deletes_is_passed_over(files, monkeypatch, caplog):
    write(files.folder, 10, 20)
    deleting(monkeypatch, 20)
    assert files.latest().step == 10
    assert not caplog.text


def test_the_successor_of_deleted_files_is_read(files, monkeypatch, caplog):
    write(files.folder, 10)
    deleting(monkeypatch, 10, then=lambda: write(files.folder, 20))
    assert files.latest().step == 20
    assert not caplog.text


def test_a_counter_is_converted_to_the_width_of_its_variable(files):
    variable = tf.Variable(0, dtype=tf.int64)
    values = {"totals/examples": np.asarray(7, np.int32)}
    checkpoint_files.assign({"totals/examples": variable}, values, files.folder)
    assert variable.numpy() == 7
