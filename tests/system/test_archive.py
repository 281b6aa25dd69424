"""Tests of framework/system/archive.py."""

import io
import os
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest

from framework.system import archive
from framework.system.archive import DamagedError

VALUES = {
    "model/0": np.arange(6, dtype=np.float32).reshape(2, 3),
    "model/1": np.array([1.5, -2.0], np.float16),
    "totals/examples": np.array(2**40),
    "flag": np.array(True),
    "none": np.zeros((0, 4), np.float64),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "step-00000007.npz"
    archive.write(path, 7, VALUES)
    return path


def assert_values(actual, expected=VALUES):
    assert set(actual) == {*expected, "step"}
    for name, value in expected.items():
        np.testing.assert_array_equal(actual[name], value)
        assert actual[name].dtype == value.dtype
        assert actual[name].shape == value.shape


def is_refused(path, plain=False):
    """Reads a damaged file; returns whether it was refused, and else checks values."""
    try:
        actual = archive.read(path, plain)
    except DamagedError:
        return True
    assert_values(actual)
    return False


def test_numpy_reads_the_same_values(path):
    for actual in (archive.read(path), np.load(path)):
        assert_values(dict(actual))
        assert actual["step"] == 7


def test_equal_values_give_equal_bytes_at_any_time(path, tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "localtime", lambda *args: time.gmtime(0))
    again = tmp_path / "again.npz"
    archive.write(again, 7, VALUES)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.extended
def test_every_flipped_bit_is_refused(path):
    data = path.read_bytes()
    for place in range(len(data)):
        for bit in range(8):
            altered = bytearray(data)
            altered[place] ^= 1 << bit
            path.write_bytes(altered)
            assert is_refused(path), (place, bit)


@pytest.mark.extended
def test_random_damage_is_refused(path):
    data, draws = path.read_bytes(), np.random.default_rng(0)
    for _ in range(2000):
        altered = bytearray(data)
        for place in draws.integers(len(data), size=draws.integers(1, 20)):
            altered[place] ^= draws.integers(1, 256)
        path.write_bytes(altered)
        if altered != data:
            assert is_refused(path)


def test_every_other_length_is_refused(path):
    data = path.read_bytes()
    truncated = [data[:size] for size in range(len(data))]
    for wrong in [*truncated, data + b"\0", 2 * data]:
        path.write_bytes(wrong)
        assert is_refused(path)


def plain(values):
    """Returns the content of a file as `np.savez` writes it."""
    stream = io.BytesIO()
    np.savez(stream, **values)
    return stream.getvalue()


def with_old_checksum(step, values):
    """Returns the content of an earlier version, with a checksum of its tables."""
    content = bytearray(plain({"step": np.int64(step), **values}))
    content[-2:] = (14).to_bytes(2, "little")
    with zipfile.ZipFile(io.BytesIO(content + b" " * 14)) as file:
        entries, tables = file.infolist(), file.start_dir
    checksum = 0
    for entry in entries:
        start = entry.header_offset
        sizes = struct.unpack("<HH", content[start + 26 : start + 30])
        checksum = zlib.crc32(content[start : start + 30 + sum(sizes)], checksum)
    checksum = zlib.crc32(content[tables:], checksum)
    return bytes(content) + f"crc32:{checksum:08x}".encode()


def test_reads_earlier_versions_and_detects_damage(path):
    data = with_old_checksum(7, VALUES)
    path.write_bytes(data)
    assert_values(archive.read(path))
    for place in range(len(data)):
        altered = bytearray(data)
        altered[place] ^= 1 << place % 8
        path.write_bytes(altered)
        assert is_refused(path), place


@pytest.mark.extended
def test_a_file_without_checksum_is_read_only_if_plain(path):
    data = plain({"step": np.int64(7), **VALUES})
    path.write_bytes(data)
    assert_values(archive.read(path, plain=True))
    with pytest.raises(DamagedError, match="it has no checksum"):
        archive.read(path)
    for place in range(len(data)):
        altered = bytearray(data)
        altered[place] ^= 1 << place % 8
        path.write_bytes(altered)
        # Zip's tables have unused fields, such as dates, and names.
        try:
            actual = archive.read(path, plain=True)
        except DamagedError:
            continue
        for name in actual.keys() & VALUES.keys():
            np.testing.assert_array_equal(actual[name], VALUES[name])


def test_a_plain_file_needs_no_step(path):
    path.write_bytes(plain(VALUES))
    assert set(archive.read(path, plain=True)) == set(VALUES)


def signed(members):
    """Returns the content of a valid file with arbitrary members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    content = stream.getvalue()[:-2] + archive._DIGEST_SIZE.to_bytes(2, "little")
    digest = archive.hashlib.sha256(content).hexdigest()
    return content + f"sha256:{digest}".encode()


def npy(value, header=None):
    """Returns the content of an .npy file, with an optional header."""
    stream = io.BytesIO()
    if header is None:
        np.lib.format.write_array(stream, np.asarray(value), (1, 0))
    else:
        text = header.encode() + b"\n"
        stream.write(b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text)
        stream.write(np.asarray(value).tobytes())
    return stream.getvalue()


def header(shape="(2,)", dtype="'<f4'", order="False"):
    return f"{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}}}"


PAIR = np.zeros(2, np.float32)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"a.npy": npy(PAIR)[:-1]}, "bytes, which is not shape"),
        ({"a.npy": npy(PAIR) + b"\0"}, "bytes, which is not shape"),
        ({"a.npy": npy(PAIR, header("(3,)"))}, "8 bytes, which is not shape"),
        ({"a.npy": npy(PAIR, header("(-2,)"))}, "is not possible"),
        ({"a.npy": npy(PAIR, header("(-1, -2)"))}, "is not possible"),
        ({"a.npy": npy(PAIR, header("(2.0,)"))}, "shape"),
        ({"a.npy": npy(PAIR, header("(True, 2)"))}, "is not possible"),
        ({"a.npy": npy(PAIR, header(f"({10**30},)"))}, "which is not shape"),
        ({"a.npy": npy([], header(f"(0, {10**30})"))}, "cannot be read"),
        ({"a.npy": npy(PAIR, header("(2,"))}, "cannot be read"),
        ({"a.npy": npy(PAIR, header("(" * 5000))}, "cannot be read"),
        ({"a.npy": npy(PAIR, header("-" * 9000 + "1"))}, "cannot be read"),
        ({"a.npy": npy(PAIR, header(dtype="'O'"))}, "not a plain number"),
        ({"a.npy": npy(PAIR, header(dtype="'>f4'"))}, "not a plain number"),
        ({"a.npy": npy(PAIR, header(dtype="'<f0'"))}, "cannot be read"),
        ({"a.npy": npy(["a", "b"])}, "not a plain number"),
        ({"a.npy": npy([b"a"])}, "not a plain number"),
        ({"a.npy": npy([1j])}, "not a plain number"),
        ({"a.npy": npy(np.longdouble(1))}, "not a plain number"),
        ({"a.npy": npy(np.zeros(2, [("x", "i4")]))}, "not a plain number"),
        ({"a.npy": npy(np.array([1], "M8[s]"))}, "not a plain number"),
        ({"a.npy": b"\x93NUMPY\2\0"}, "format"),
        ({"a.npy": b""}, "cannot be read"),
        ({"a.txt": b"a"}, "'a.txt' is unexpected"),
        ({"step.npy": npy(np.int64(8))}, "it is of step 8"),
        ({"step.npy": npy(np.int64(-7))}, 'its "step" is missing'),
        ({"step.npy": npy(np.int32(7))}, 'its "step" is missing'),
        ({"step.npy": npy(np.array([7]))}, 'its "step" is missing'),
        ({"step.npy": npy(7.0)}, 'its "step" is missing'),
        ({"step.npy": npy("7")}, "not a plain number"),
    ],
)
def test_a_valid_file_with_invalid_members_is_refused(path, members, why):
    path.write_bytes(signed({"step.npy": npy(np.int64(7)), **members}))
    with pytest.raises(DamagedError, match=why):
        archive.read(path)


def test_a_valid_file_without_a_step_is_refused(path):
    path.write_bytes(signed({"a.npy": npy(PAIR)}))
    with pytest.raises(DamagedError, match='its "step" is missing'):
        archive.read(path)


def test_a_compressed_file_is_refused(path):
    np.savez_compressed(path, **VALUES)
    with pytest.raises(DamagedError, match="is damaged"):
        archive.read(path, plain=True)


def test_the_order_of_a_plain_array_is_kept(path):
    value = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    path.write_bytes(plain({"a": value}))
    np.testing.assert_array_equal(archive.read(path, plain=True)["a"], value)


@pytest.mark.parametrize(
    ("step", "values", "why"),
    [
        (7, {"a": np.array(["text"])}, "a has dtype <U4"),
        (7, {"a": np.array([None])}, "a has dtype object"),
        (-7, {}, 'its "step" is missing'),
        (8, {}, "it is of step 8"),
    ],
)
def test_values_that_could_not_be_read_are_not_written(path, step, values, why):
    before = path.read_bytes()
    with pytest.raises(ValueError, match=why):
        archive.write(path, step, values)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("kind", ["nothing", "folder", "unreadable"])
def test_missing_and_unreadable_files_are_reported(tmp_path, kind):
    path = tmp_path / "step-00000001.npz"
    if kind == "folder":
        path.mkdir()
    elif kind == "unreadable":
        path.symlink_to(path)
    with pytest.raises(DamagedError, match=rf"{path.name} cannot be read: [A-Z]"):
        archive.read(path)


def test_a_planted_link_is_replaced(tmp_path):
    target, path = tmp_path / "target.txt", tmp_path / "step-00000007.npz"
    target.write_text("content")
    path.symlink_to(target)
    archive.write(path, 7, VALUES)
    assert target.read_text() == "content"
    assert_values(archive.read(path))
