"""Atomic file writes, and reads that cannot block.

If somebody has replaced a file by a pipe, a device or a symbolic link, reading does not
block on it, and writing does not follow it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

# Suffix of files that are being written. Those of a killed process are deleted by the
# process that holds the folder's lock.
SUFFIX = ".tmp"


@contextlib.contextmanager
def reading(path: Path) -> Iterator[IO[bytes]]:
    """Opens a regular file for reading; follows a symbolic link to one.

    Raises:
        OSError: It cannot be read, or it is a folder, a pipe or a device, which could
            block.
    """
    # Opening a pipe without a writer would block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    with open(descriptor, "rb") as file:
        yield file


def read_bytes(path: Path) -> bytes:
    """Reads a regular file; see `reading`.

    Raises:
        OSError: It cannot be read.
    """
    with reading(path) as file:
        return file.read()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Opens a new file that replaces `path` atomically at the end of the block.

    It is written in the same folder, with an unpredictable name. A symbolic link at
    `path` is replaced, not followed. If the block raises, `path` is unchanged.

    Args:
        path: The file to write.

    Yields:
        A binary file, open for reading and writing.

    Raises:
        OSError: It cannot be written, for instance because the disk is full; or `path`
            is a folder or a device.

    Example:
        >>> with replacing(Path("a.txt")) as file:
        ...     _ = file.write(b"all or nothing")
    """
    if os.path.lexists(path) and not is_replaceable(path):
        raise FileExistsError(errno.EEXIST, "it is not a regular file", str(path))
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{SUFFIX}")
    try:
        with open(temporary, "x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def is_replaceable(path: Path) -> bool:
    """Returns whether a path is a file or a link; root could replace /dev/null.

    Raises:
        OSError: There is nothing at the path.
    """
    mode = os.lstat(path).st_mode
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file atomically; see `replacing`.

    Raises:
        OSError: It cannot be written.
    """
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 file atomically; see `replacing`.

    Raises:
        OSError: It cannot be written.
    """
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def append_line(path: Path, line: str) -> None:
    """Appends a line to a UTF-8 file atomically, and flushes it to disk.

    Args:
        path: The file; created if it does not exist. A symbolic link is refused.
        line: The line without its newline.

    Raises:
        OSError: It cannot be written; the file is then unchanged.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o666), "ab") as file:
        end = os.fstat(file.fileno()).st_size
        try:
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            # A full disk may have accepted a part of the line.
            os.truncate(file.fileno(), end)
            raise
