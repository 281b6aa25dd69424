"""Arrays in one checksummed file: checkpoints, predictions and other statistics.

The file is an .npz file, which numpy reads anywhere. Its last bytes, a comment to the
zip format, are the SHA-256 of all bytes before them, and are verified before anything
else in the file is looked at.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from framework.errors import RunError
from framework.system import atomic

Values = dict[str, np.ndarray]


class DamagedError(RunError):
    """A file of arrays is missing, cannot be read, or is not as it was written."""


_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")
_DIGEST_SIZE = 7 + 64
# Earlier files have a checksum of zip's tables only: zip's own cover the arrays.
_OLD_CHECKSUM = re.compile(rb"crc32:[0-9a-f]{8}")
_OLD_CHECKSUM_SIZE = 6 + 8
# The end of a zip file without a comment: a signature, and 18 bytes more.
_END, _END_SIZE = b"PK\5\6", 22
_LOCAL, _LOCAL_SIZE = b"PK\3\4", 30
# A date that zip can express: the clock may stand before 1980.
_DATE = (1980, 1, 1, 0, 0, 0)
_STEP_NAME = re.compile(r"step-(\d+)\.npz", re.ASCII)
# Booleans, integers and floats; longer ones TensorFlow does not know.
_KINDS, _LONGEST = "biuf", 8


def write(path: Path, step: int, values: Values) -> None:
    """Writes arrays to a file that is complete as soon as it is there.

    The same arrays give the same bytes.

    Args:
        path: The file; an older one is replaced.
        step: After how many optimizer steps the values are what they are; from 0 up.
        values: Arrays of booleans or numbers by name; "step" is taken. The type
            bfloat16, which numpy does not know, is written as float32.

    Raises:
        OSError: It cannot be written.
        ValueError: It could not be read back: an array has another type, or `step` is
            not that of the file's name.

    Example:
        >>> write(Path("step-00000010.npz"), 10, {"a": np.zeros(3)})
        >>> read(Path("step-00000010.npz"))["step"]
        array(10)
    """
    values = {"step": np.asarray(step, np.int64), **values}
    _check_step(path.name, values)
    with atomic.replacing(path) as file:
        _write_arrays(file, values)
        # The zip format's last two bytes say how long a comment follows.
        file.seek(-2, io.SEEK_END)
        file.write(_DIGEST_SIZE.to_bytes(2, "little"))
        file.seek(0)
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
        file.write(b"sha256:" + digest.hexdigest().encode())


def read(path: Path, plain: bool = False) -> Values:
    """Returns the arrays of a file by name, with its "step".

    They are read-only, and share one piece of memory.

    Args:
        path: The file. If its name is of the form step-00000010.npz, its "step" must
            be the same.
        plain: Whether a file without a checksum, as `np.savez` writes it, will do as
            well; it need have no "step".

    Raises:
        DamagedError: It is not there, or not as it was written.
    """
    try:
        return _parse(path.name, atomic.read_bytes(path), plain)
    # Foreign bytes make zip, numpy and Python's parser raise almost anything.
    except Exception as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise DamagedError(f"{path} cannot be read: {reason}") from None


def _write_arrays(file: BinaryIO, values: Values) -> None:
    """Writes what `np.savez` would, which copies each array once more."""
    with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        for name, value in values.items():
            if value.dtype.name == "bfloat16":
                value = value.astype(np.float32)
            if not _is_plain(value.dtype):
                raise ValueError(f"{name} has dtype {value.dtype}, not a plain number")
            # It makes a row of what has no dimension.
            array = np.ascontiguousarray(value).reshape(value.shape)
            entry = zipfile.ZipInfo(f"{name}.npy", _DATE)
            with archive.open(entry, "w", force_zip64=True) as member:
                header = np.lib.format.header_data_from_array_1_0(array)
                np.lib.format.write_array_header_1_0(member, header)
                member.write(array.reshape(-1).view(np.uint8).data)


def _parse(file_name: str, content: bytes, plain: bool) -> Values:
    """Returns the arrays of a file's content, once its checksum has been verified."""
    comment = _verify(content, plain)
    values = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if archive.comment != comment:
            raise ValueError("its end is not that of a zip file")
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if name == entry.filename or name in values:
                raise ValueError(f"its member {entry.filename!r} should not be there")
            values[name] = _array(_member(content, entry))
    if not plain or "step" in values:
        _check_step(file_name, values)
    return values


def _verify(content: bytes, plain: bool) -> bytes:
    """Compares the checksum at the end of a file's content; returns the zip comment."""
    digest = content[-_DIGEST_SIZE:]
    if _DIGEST.fullmatch(digest):
        body = memoryview(content)[:-_DIGEST_SIZE]
        if digest != b"sha256:" + hashlib.sha256(body).hexdigest().encode():
            raise ValueError("its checksum is wrong")
        return digest
    old = content[-_OLD_CHECKSUM_SIZE:]
    if _OLD_CHECKSUM.fullmatch(old):
        if old != _old_checksum(content):
            raise ValueError("its checksum is wrong")
        return old
    if plain and content[-_END_SIZE:].startswith(_END):
        return b""
    raise ValueError("it has no checksum, so its end is missing or damaged")


def _old_checksum(content: bytes) -> bytes:
    """Returns the checksum of an earlier file's tables: local headers and directory."""
    view = memoryview(content)[:-_OLD_CHECKSUM_SIZE]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries, tables = archive.infolist(), archive.start_dir
    checksum = 0
    for entry in entries:
        start = entry.header_offset
        checksum = zlib.crc32(view[start : _data_start(content, entry)], checksum)
    return f"crc32:{zlib.crc32(view[tables:], checksum):08x}".encode()


def _data_start(content: bytes, entry: zipfile.ZipInfo) -> int:
    """Returns the index of the first byte of a member, after its local header."""
    start = entry.header_offset
    header = content[start : start + _LOCAL_SIZE]
    if len(header) < _LOCAL_SIZE or not header.startswith(_LOCAL):
        raise ValueError(f"the header of its member {entry.filename!r} is damaged")
    name_size = int.from_bytes(header[26:28], "little")
    extra_size = int.from_bytes(header[28:30], "little")
    return start + _LOCAL_SIZE + name_size + extra_size


def _member(content: bytes, entry: zipfile.ZipInfo) -> memoryview:
    """Returns the bytes of a member, by zip's own checksum those that were written."""
    start = _data_start(content, entry)
    data = memoryview(content)[start : start + entry.file_size]
    if (
        entry.compress_type != zipfile.ZIP_STORED
        or len(data) != entry.file_size
        or zlib.crc32(data) != entry.CRC
    ):
        raise ValueError(f"its member {entry.filename!r} is damaged")
    return data


def _array(data: memoryview) -> np.ndarray:
    """Returns the array of an .npy file that has no byte too few or too many."""
    # No header that numpy accepts is longer.
    head = io.BytesIO(data[:65_536])
    version = np.lib.format.read_magic(head)
    if version != (1, 0):
        raise ValueError(f"its format {version} is not known")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(head)
    if not _is_plain(dtype):
        raise ValueError(f"its dtype {dtype} is not a plain number")
    if any(type(side) is not int or side < 0 for side in shape):
        raise ValueError(f"its shape {shape} is not possible")
    body = data[head.tell() :]
    if math.prod(shape) * dtype.itemsize != len(body):
        raise ValueError(f"it has {len(body)} bytes, which is not shape {shape}")
    array = np.frombuffer(body, dtype)
    return array.reshape(shape, order="F" if by_columns else "C")


def _is_plain(dtype: np.dtype) -> bool:
    return dtype.kind in _KINDS and dtype.itemsize <= _LONGEST and dtype.isnative


def _check_step(file_name: str, values: Values) -> None:
    """Refuses a "step" that is none, or another than in the file's name."""
    step = values.get("step")
    if step is None or step.dtype != np.int64 or step.shape or step < 0:
        raise ValueError("it has no step, an integer from 0 up")
    named = _STEP_NAME.fullmatch(file_name)
    if named and int(named[1]) != step:
        raise ValueError(f"it is of step {step}, which is not what its name says")
