"""Reads and writes whole files: none is seen half written, none blocks or is a link.

What somebody has put in the place of a file, a pipe, a device or a symbolic link to
another file, is neither waited for nor written through.
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

# Ends the name of every file that is still being written. What a killed process has
# left is deleted by whoever holds the lock of the folder.
SUFFIX = ".tmp"


@contextlib.contextmanager
def reading(path: Path) -> Iterator[IO[bytes]]:
    """Opens a regular file to read it; a symbolic link to one is followed.

    Raises:
        OSError: It cannot be read, or it is a folder, a pipe or a device, which could
            be waited for without end.
    """
    # A pipe without a writer would block already when it is opened.
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
    """Returns the content of a regular file; see `reading`.

    Raises:
        OSError: It cannot be read.
    """
    with reading(path) as file:
        return file.read()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Opens a new file that takes the place of `path` when the block ends.

    It is written beside `path`, under a name nobody can predict. A symbolic link at
    `path` is replaced, not followed. If the block raises, `path` stays as it was.

    Args:
        path: The file to write.

    Yields:
        A binary file, open for reading and writing.

    Raises:
        OSError: The disk is full, the folder cannot be written to, or the like; or
            `path` is a folder or a device.

    Example:
        >>> with replacing(Path("a.txt")) as file:
        ...     _ = file.write(b"all or nothing")
    """
    if os.path.lexists(path) and not _is_replaceable(path):
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


def _is_replaceable(path: Path) -> bool:
    """Returns whether a path is a file or a link: root could replace /dev/null."""
    mode = os.lstat(path).st_mode
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file, all of it or nothing; see `replacing`.

    Raises:
        OSError: It cannot be written.
    """
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 file, all of it or nothing; see `replacing`.

    Raises:
        OSError: It cannot be written.
    """
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def append_line(path: Path, line: str) -> None:
    """Adds a line to a UTF-8 file, all of it or nothing, and brings it to the disk.

    Args:
        path: The file; made if it is not there. A symbolic link is refused.
        line: Without its newline.

    Raises:
        OSError: It cannot be written; the file is then as before.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o666), "ab") as file:
        end = os.fstat(file.fileno()).st_size
        try:
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            # A full disk takes half a line: better none.
            os.truncate(file.fileno(), end)
            raise
