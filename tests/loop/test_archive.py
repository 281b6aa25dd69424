"""Tests of framework/loop/archive.py."""

import numpy as np
import pytest

from framework.errors import RunError
from framework.loop import archive

VALUES = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(True)}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "step-00000007.npz"
    archive.write(path, 7, VALUES)
    return path


def test_what_is_written_is_read_by_numpy_too(path):
    for found in (archive.read(path), np.load(path)):
        assert set(found) == {"a", "b", "step"}
        assert found["step"] == 7
        for name, value in VALUES.items():
            np.testing.assert_array_equal(found[name], value)
            assert found[name].dtype == value.dtype


def test_any_altered_bit_is_found_out(path):
    data = path.read_bytes()
    for place in range(len(data)):
        altered = bytearray(data)
        altered[place] ^= 1 << place % 8
        path.write_bytes(altered)
        with pytest.raises(RunError, match="cannot be read"):
            archive.read(path)


def test_any_length_but_its_own_is_found_out(path):
    data = path.read_bytes()
    for wrong in [*(data[:size] for size in range(len(data))), data + b"\0"]:
        path.write_bytes(wrong)
        with pytest.raises(RunError, match="cannot be read"):
            archive.read(path)


def test_reading_what_is_not_there_is_told(tmp_path):
    with pytest.raises(RunError, match=r"nowhere.npz cannot be read"):
        archive.read(tmp_path / "nowhere.npz")
