"""A checkpoint's file: whole or not there at all, and found out if it is spoilt.

It is an .npz file: arrays by name, which numpy reads anywhere. It is written beside its
place and moved there when it is complete. Zip's own checksums cover the arrays; its
last bytes, a comment to the zip format, are a checksum of its tables, of which zip has
none: so each byte is read once only.
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from framework.errors import RunError

# What reading a truncated or altered file can raise; what asks for a newer zip, or for
# a password, are RuntimeErrors.
SPOILT = (
    *(zipfile.BadZipFile, zlib.error, struct.error, ValueError, KeyError),
    *(EOFError, OSError, RuntimeError, OverflowError),
)
_CHECKSUM = re.compile(rb"crc32:[0-9a-f]{8}")
_CHECKSUM_SIZE = 6 + 8
_HEADER = 30

Values = dict[str, np.ndarray]


def write(path: Path, step: int, values: Values) -> None:
    """Writes a checkpoint that is complete as soon as it is there."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("w+b") as file:
            _write_arrays(file, {"step": np.asarray(np.int64(step)), **values})
            # The zip format's last two bytes say how long a comment follows.
            file.seek(-2, os.SEEK_END)
            file.write(_CHECKSUM_SIZE.to_bytes(2, "little"))
            checksum = _checksum(file, file.tell())
            file.seek(0, os.SEEK_END)
            file.write(checksum)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_arrays(file: BinaryIO, values: Values) -> None:
    """Writes what `np.savez` would, which copies each array once more."""
    with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        for name, value in values.items():
            # It makes a row of what has no dimension.
            array = np.ascontiguousarray(value).reshape(value.shape)
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                header = np.lib.format.header_data_from_array_1_0(array)
                np.lib.format.write_array_header_1_0(member, header)
                member.write(array.reshape(-1).view(np.uint8).data)


def read(path: Path) -> Values:
    """Returns the arrays of a checkpoint by name, with its "step".

    Raises:
        RunError: It is not there, or cannot be read.
    """
    try:
        return load(path)
    except SPOILT as problem:
        raise RunError(f"the checkpoint {path} cannot be read: {problem}") from None


def load(path: Path) -> Values:
    """Returns the arrays of a checkpoint by name, with its "step".

    Raises:
        Exception: One of `SPOILT`: it is not there, or not as it was written.
    """
    # Of a spoilt file that it opened itself, numpy would leave the handle open.
    with path.open("rb") as file:
        size = max(file.seek(0, os.SEEK_END) - _CHECKSUM_SIZE, 0)
        file.seek(size)
        found = file.read()
        if not _CHECKSUM.fullmatch(found) or found != _checksum(file, size):
            raise ValueError("its checksum is wrong")
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}


def _checksum(file: BinaryIO, size: int) -> bytes:
    """Returns the checksum of the tables in the first bytes of a file."""
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        members, tables = archive.infolist(), archive.start_dir
    found = 0
    for member in members:
        # Its local header: 30 bytes, the last four of which say what else there is.
        file.seek(member.header_offset)
        head = file.read(_HEADER)
        rest = sum(struct.unpack("<HH", head[-4:])) if len(head) == _HEADER else 0
        found = zlib.crc32(head + file.read(rest), found)
    file.seek(tables)
    found = zlib.crc32(file.read(size - tables), found)
    return f"crc32:{found:08x}".encode()
