"""Tests of framework/data/memory.py."""

import gc
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from framework.data import memory

ROOT = pathlib.Path(__file__).parents[2]


def address(array):
    return array.__array_interface__["data"][0]


def counted(shape=(5, 3), dtype=np.float32):
    array = memory.empty(shape, dtype)
    array[...] = np.arange(array.size).reshape(shape)
    return array


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_tensor_has_the_memory_of_the_array(dtype):
    array = counted(dtype=dtype)
    tensor = memory.as_tensor(array)
    assert address(np.asarray(memoryview(tensor))) == address(array)
    assert tensor.dtype == dtype
    assert tensor.shape == array.shape


def test_the_memory_is_kept_while_there_is_a_tensor():
    tensor = memory.as_tensor(counted())
    gc.collect()
    np.testing.assert_array_equal(tensor.numpy(), np.arange(15.0).reshape(5, 3))


def read_only():
    array = counted()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "array",
    [
        np.arange(16.0)[1:],
        counted((4, 4)).T,
        counted((8, 2))[::2],
        read_only(),
        np.zeros((0, 3), np.float32),
    ],
    ids=["of another address", "transposed", "with gaps", "read only", "empty"],
)
def test_other_arrays_are_copied(array):
    tensor = memory.as_tensor(array)
    np.testing.assert_array_equal(tensor.numpy(), array)
    if array.size:
        assert address(np.asarray(memoryview(tensor))) != address(array)


def test_usable_arrays_are_not_copied():
    array = counted()
    assert memory.usable(array) is array
    copy = memory.usable(array[:, 1:])
    np.testing.assert_array_equal(copy, array[:, 1:])
    assert memory.usable(copy) is copy


@pytest.mark.parametrize(
    "indices", [[2, 0, 2], [-1], [], [True, False, True, False, False]]
)
def test_take(indices):
    array = counted()
    indices = np.array(indices, bool if True in indices[:1] else np.int64)
    actual = memory.take(array, indices)
    np.testing.assert_array_equal(actual, array[indices])
    assert memory.usable(actual) is actual or not actual.size


def test_rows_are_taken_in_pieces(monkeypatch):
    monkeypatch.setattr(memory, "_CHUNK", 30)
    array = counted()
    assert [part.stop for part in memory.slices(array)] == [2, 4, 5]
    np.testing.assert_array_equal(memory.take(array, np.arange(5)[::-1]), array[::-1])


def test_a_compiled_loop_gathers_from_the_memory():
    tensor = memory.as_tensor(counted((5, 3), np.uint8))

    @tf.function(autograph=False)
    def gather(indices):
        return tf.gather(tensor, indices)

    assert gather(tf.constant([4, 0])).numpy().tolist() == [[12, 13, 14], [0, 1, 2]]


def peak(tmp_path, count):
    """Returns the peak memory in bytes of a run on `count` images of 16 KiB."""
    labels = {"y_train": np.arange(count) % 2, "y_validation": np.arange(64) % 2}
    images = np.random.default_rng(0).integers(
        256, size=(count, 128, 128, 1), dtype=np.uint8
    )
    path, workdir = tmp_path / "data.npz", tmp_path / str(count)
    np.savez(path, x_train=images, x_validation=images[:64], **labels)
    program = f"""
from framework import Config, run
run(Config(dataset="arrays({str(path)!r})", input="memory", train_for="4",
           model="cnn(filters=(2,), dense=2)", workdir={str(workdir)!r}), quiet=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert not process.returncode
    return usage.ru_maxrss * 1024


@pytest.mark.extended
@pytest.mark.skipif(sys.platform != "linux", reason="macOS counts bytes, not KiB")
def test_a_data_set_is_in_memory_once(tmp_path):
    # From 5,120 images on, evaluations have batches of one size.
    few, many = 6_000, 26_000
    growth = peak(tmp_path, many) - peak(tmp_path, few)
    assert growth < 1.2 * (many - few) * 128 * 128
