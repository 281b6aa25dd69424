"""A checkpoint's file: whole or not there at all, and found out if it is spoilt.

It is an .npz file: arrays by name, which numpy reads anywhere. It is written beside its
place and moved there when it is complete. Its last bytes, a comment to the zip format,
are a checksum of all before them: zip's own do not cover its tables.
"""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from framework.errors import RunError

# What reading a truncated or altered file can raise.
SPOILT = (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, OSError)
_CHECKSUM = re.compile(rb"crc32:[0-9a-f]{8}")
_CHECKSUM_SIZE = 6 + 8
_CHUNK = 1 << 20

Values = dict[str, np.ndarray]


def write(path: Path, step: int, values: Values) -> None:
    """Writes a checkpoint that is complete as soon as it is there."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("w+b") as file:
            np.savez(file, step=np.int64(step), **values)
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
    """Returns the checksum of the first bytes of a file."""
    found = 0
    file.seek(0)
    while size:
        chunk = file.read(min(size, _CHUNK))
        found = zlib.crc32(chunk, found)
        size -= len(chunk)
    return f"crc32:{found:08x}".encode()
