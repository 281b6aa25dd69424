"""Checksummed .npz files: checkpoints, predictions and statistics.

NumPy can read them. The last bytes, a comment in the zip format, are the SHA-256 of all
bytes before them, which is verified before the rest of the file is parsed.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from framework.errors import RunError
from framework.system import atomic

Values = dict[str, np.ndarray]


class DamagedError(RunError):
    """A file of arrays is missing, unreadable or corrupt."""


_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")
_DIGEST_SIZE = 7 + 64
# Earlier versions have a checksum of the zip tables; zip's own CRCs cover the arrays.
_OLD_CHECKSUM = re.compile(rb"crc32:[0-9a-f]{8}")
_OLD_CHECKSUM_SIZE = 6 + 8
# The end record of a zip file without a comment: a signature and 18 bytes.
_END, _END_SIZE = b"PK\5\6", 22
_LOCAL, _LOCAL_SIZE = b"PK\3\4", 30
# The earliest date in the zip format; the clock may be set to an earlier one.
_DATE = (1980, 1, 1, 0, 0, 0)
_STEP_NAME = re.compile(r"step-(\d+)\.npz", re.ASCII)
# Booleans, integers and floats of up to 8 bytes, which TensorFlow supports.
_KINDS, _LONGEST = "biuf", 8


def write(path: Path, step: int, values: Values) -> None:
    """Writes arrays to a file atomically.

    Equal arrays give equal bytes.

    Args:
        path: The file; an existing one is replaced.
        step: The number of completed optimizer steps; not negative.
        values: Arrays of booleans or numbers by name; "step" is reserved. bfloat16,
            which NumPy lacks, is written as float32.

    Raises:
        OSError: The file cannot be written.
        ValueError: It could not be read again: an array has another dtype, or `step`
            differs from the file's name.

    Example:
        >>> write(Path("step-00000010.npz"), 10, {"a": np.zeros(3)})
        >>> read(Path("step-00000010.npz"))["step"]
        array(10)
    """
    values = {"step": np.asarray(step, np.int64), **values}
    _check_step(path.name, values)
    with atomic.replacing(path) as file:
        _write_arrays(file, values)
        # The last two bytes of a zip file are the length of the comment.
        file.seek(-2, io.SEEK_END)
        file.write(_DIGEST_SIZE.to_bytes(2, "little"))
        file.seek(0)
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
        file.write(b"sha256:" + digest.hexdigest().encode())


def read(path: Path, plain: bool = False) -> Values:
    """Reads the arrays of a file by name, including "step".

    They are read-only and share memory.

    Args:
        path: The file. If its name has the form step-00000010.npz, "step" must match.
        plain: Whether to accept a file without a checksum, as `np.savez` writes it,
            which needs no "step".

    Raises:
        DamagedError: The file is missing, unreadable or corrupt.
    """
    try:
        return _parse(path.name, atomic.read_bytes(path), plain)
    # On arbitrary bytes zip, NumPy and Python's parser raise almost any exception.
    except Exception as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise DamagedError(f"{path} cannot be read: {reason}") from None


def _write_arrays(file: IO[bytes], values: Values) -> None:
    """Writes the same as `np.savez`, which would copy each array once more."""
    with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        for name, value in values.items():
            if value.dtype.name == "bfloat16":
                value = value.astype(np.float32)
            if not _is_plain(value.dtype):
                raise ValueError(f"{name} has dtype {value.dtype}, not a plain number")
            # `ascontiguousarray` turns scalars into arrays of shape [1].
            array = np.ascontiguousarray(value).reshape(value.shape)
            entry = zipfile.ZipInfo(f"{name}.npy", _DATE)
            with archive.open(entry, "w", force_zip64=True) as member:
                header = np.lib.format.header_data_from_array_1_0(array)
                np.lib.format.write_array_header_1_0(member, header)
                member.write(array.reshape(-1).view(np.uint8).data)


def _parse(file_name: str, content: bytes, plain: bool) -> Values:
    """Verifies the checksum of a file's content and parses its arrays."""
    comment = _verify(content, plain)
    values = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if archive.comment != comment:
            raise ValueError("its end is not that of a zip file")
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if name == entry.filename or name in values:
                raise ValueError(f"its member {entry.filename!r} is unexpected")
            values[name] = _array(_member(content, entry))
    if not plain or "step" in values:
        _check_step(file_name, values)
    return values


def _verify(content: bytes, plain: bool) -> bytes:
    """Verifies the checksum at the end of a file's content; returns the zip comment."""
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
    """Returns an earlier version's checksum, of local headers and directory."""
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
    """Returns the bytes of a member after verifying its CRC."""
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
    """Parses an .npy file; raises ValueError unless its length is exact."""
    # NumPy accepts no longer headers.
    head = io.BytesIO(data[:65_536])
    version = np.lib.format.read_magic(head)
    if version != (1, 0):
        raise ValueError(f"its format {version} is unknown")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(head)
    if not _is_plain(dtype):
        raise ValueError(f"its dtype {dtype} is not a plain number")
    if any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"its shape {shape} is not possible")
    body = data[head.tell() :]
    if math.prod(shape) * dtype.itemsize != len(body):
        raise ValueError(f"it has {len(body)} bytes, which is not shape {shape}")
    array = np.frombuffer(body, dtype)
    return array.reshape(shape, order="F" if is_fortran else "C")


def _is_plain(dtype: np.dtype) -> bool:
    return dtype.kind in _KINDS and dtype.itemsize <= _LONGEST and dtype.isnative


def _check_step(file_name: str, values: Values) -> None:
    """Checks that "step" is valid and matches the file's name."""
    step = values.get("step")
    if step is None or step.dtype != np.int64 or step.shape or step < 0:
        raise ValueError('its "step" is missing or not a non-negative integer')
    named = _STEP_NAME.fullmatch(file_name)
    if named and int(named[1]) != step:
        raise ValueError(f"it is of step {step}, but its name is that of another")
